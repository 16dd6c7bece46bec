"""Runs verify_lake, or some of its checks, on a lake; finds, changes and relists the lake's files."""

import shutil
from datetime import UTC, datetime, timedelta
from io import StringIO

from django.core.management import CommandError, call_command

from lake.compact.compactor import Compactor
from lake.models import BatchRun, DataFile
from lake.storage import disk
from lake.storage.duckdb_engine import Engine
from lake.verify.checked_lake import CheckedLake
from lake.verify.findings import Report


def verified(*arguments):
    """What the command prints, and the sentence with which it fails (None when it does not)."""
    out = StringIO()
    try:
        call_command("verify_lake", *arguments, stdout=out, stderr=StringIO())
    except CommandError as error:
        return out.getvalue().splitlines(), str(error)
    return out.getvalue().splitlines(), None


def the_only_finding(*arguments):
    lines, failure = verified(*arguments)
    assert failure.startswith("1 differences in"), (lines, failure)
    (line,) = (line for line in lines if "their rows were not checked" not in line)
    return line


def found(lake, checks, *arguments):
    """The findings of one group of checks, as lines."""
    engine = Engine("300MB", 1)
    tasks = checks(CheckedLake(lake.root, engine, Report()), *arguments).tasks()
    lines = [str(finding) for task in tasks for finding in task.check()]
    engine.close()
    return lines


def path_of(lake, dataset="posts"):
    """The file of a dataset on the disk."""
    return lake.root / DataFile.objects.get(dataset=dataset).path


def relist(lake, dataset="posts"):
    """Makes the catalog believe in the file as it is now."""
    path = path_of(lake, dataset)
    DataFile.objects.filter(dataset=dataset).update(bytes=path.stat().st_size, sha256=disk.sha256(path))


def listed_twice(lake, dataset="posts", name="c-7.parquet"):
    """A copy of the dataset's file is listed beside it, as if a swap had listed the new and kept the old."""
    file = DataFile.objects.filter(dataset=dataset).first()
    old, new = file.path, f"{file.path.rpartition('/')[0]}/{name}"
    shutil.copyfile(lake.root / old, lake.root / new)
    file.pk, file.path = None, new
    file.save()
    return old, new


def compact(lake, tmp_path):
    compactor = Compactor(lake.root, tmp_path / "scratch", 1, after=0, grace=0, stop=lambda: False)
    compactor.prepare()
    return compactor.round(daily=True, patient=False)


def age_batches():
    """All batches were two days ago."""
    BatchRun.objects.update(started_at=datetime.now(UTC) - timedelta(days=2))
