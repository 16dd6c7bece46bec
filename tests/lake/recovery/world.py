"""A lake of small files with its catalog as a file, backed up and restored by the commands."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from io import StringIO

from django.core.management import CommandError, call_command
from django.db import connection

from lake.models import BatchRun, DataFile
from lake.storage import disk
from lake.storage.layout import partition

HOUR = datetime(2026, 7, 1, 12, tzinfo=UTC)


class World:
    def __init__(self, folder, settings):
        self.settings, self.database, self.root = settings, settings.DATABASE_PATH, settings.LAKE_ROOT
        self.backup, self.new = folder / "backup", folder / "new"
        self.batch = BatchRun.objects.create(
            started_at=HOUR, seconds=1, state="committed", first_id="1-0", last_id="2-0", events=1
        )

    def add(self, dataset, name):
        """A file that the catalog lists."""
        path = f"{partition(dataset, HOUR)}/{name}"
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(f"rows of {path}".encode())
        times = {"min_seen": HOUR, "max_seen": HOUR, "hour": HOUR}
        facts = {"rows": 1, "bytes": (self.root / path).stat().st_size, "sha256": disk.sha256(self.root / path)}
        DataFile.objects.create(path=path, dataset=dataset, batch=self.batch, **times, **facts)

    def save(self):
        """The test's catalog, which is in memory, becomes the file. Others may have it open."""
        with closing(sqlite3.connect(":memory:")) as copy, closing(sqlite3.connect(self.database)) as file:
            copy.deserialize(connection.connection.serialize())  # backup() would wait for the test's transaction
            file.execute("PRAGMA journal_mode = WAL")
            copy.backup(file)

    def flush(self, name="f-2-0.parquet"):
        """Another file."""
        self.add("posts", name)
        self.save()

    def swap(self, name="c-1.parquet"):
        """What a compaction does: a file in place of those listed, which move away and are deleted."""
        old = DataFile.listed.filter(dataset="posts")
        gone = list(old.values_list("path", flat=True))
        old.update(superseded_at=HOUR)
        self.add("posts", name)
        self.save()
        for path in gone:
            (self.root / path).unlink()

    def back_up(self, *arguments):
        return called("backup", str(self.backup), *arguments)

    def restore(self, root="lake"):
        self.new.mkdir(exist_ok=True)
        self.settings.DATABASE_PATH, self.settings.LAKE_ROOT = self.new / "catalog.sqlite3", self.new / root
        return called("restore", str(self.backup))

    def must_be_restored(self):
        """Each file, byte by byte, and each row of the catalog."""
        with (
            closing(sqlite3.connect(self.database)) as old,
            closing(sqlite3.connect(self.new / "catalog.sqlite3")) as new,
        ):
            assert list(new.iterdump()) == list(old.iterdump())
        assert tree(self.new / "lake") == {
            path: raw for path, raw in tree(self.root).items() if ".superseded" not in path
        }


def called(*arguments):
    """What the command prints, and the sentence with which it fails (None when it does not)."""
    out = StringIO()
    try:
        call_command(*arguments, stdout=out)
    except CommandError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), None


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def sqlite_rows(path):
    with closing(sqlite3.connect(path)) as database:
        return list(database.iterdump())


def flip(path):
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def dies(*_):
    raise KeyboardInterrupt
