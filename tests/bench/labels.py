"""Imports a million labels of ten million posts, and searches by them: `python -m tests.bench labels --posts N
--labels M --format parquet`.

The posts and their text indexes are made once for each number and kept in var/bench; the labels of a run before are
removed.
"""

from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq
from django.conf import settings
from numpy.random import default_rng

from lake.label_models import LabelImport, WaitingLabel
from lake.models import DataFile
from lake.storage.duckdb_engine import Engine
from tests.bench import commands, label_filters
from tests.bench.months import Months, arguments, made
from tests.bench.world import FOLDER

MODEL = "model-x"


@dataclass(frozen=True)
class Labelled(Months):
    """A lake of its own: the one of the other measurements has no labels."""

    @property
    def folder(self) -> Path:
        return FOLDER / f"labelled-{self.posts}-{self.per_day}-a-day"


def main(given: list[str]) -> None:
    parser = ArgumentParser("python -m tests.bench labels", description=__doc__)
    arguments(parser)
    parser.add_argument("--labels", type=int, default=1_000_000)
    parser.add_argument("--format", choices=("parquet", "csv"), default="parquet")
    parser.add_argument("--runs", type=int, default=10, help="of each search")
    options = parser.parse_args(given)
    months = made(Labelled(options.posts, options.per_day))
    _forget()
    file = _file(months, options.labels, options.format)
    env = commands.environment(months.folder)
    ran = commands.measured(env, "import_labels", str(file), "--model", MODEL)
    row = LabelImport.objects.get()
    assert (row.rows, row.joined, row.wrong, row.waiting) == (options.labels, options.labels, 0, 0), vars(row)
    print(
        f"{file.name}: {row.joined:,} labels of {months.posts:,} posts in {ran.seconds:.1f} s, "
        f"{row.joined / ran.seconds:,.0f} a second, {ran.cpu:.1f} s of CPU, {ran.peak_mb:.0f} MB"
    )
    label_filters.show(months, options.runs)


def _forget() -> None:
    """What a run before has imported."""
    labels = DataFile.objects.filter(dataset="labels")
    for path in labels.values_list("path", flat=True):
        (settings.LAKE_ROOT / path).unlink(missing_ok=True)
    for rows in (labels, LabelImport.objects.all(), WaitingLabel.objects.all()):
        rows.delete()


def _file(months: Months, count: int, suffix: str) -> Path:
    """Of posts all over the lake, in no order."""
    paths = [str(path) for path in months.lake.glob("posts/**/*.parquet")]
    engine = Engine("2GB", 2)
    uris = engine.table(
        f"""SELECT concat('at://', did, '/app.bsky.feed.post/', rkey) AS uri FROM lake_rows($files)
        ORDER BY hash(rkey) LIMIT {count}""",
        {"files": paths},
    )
    scores = pa.array(default_rng(1).random(count))
    table = uris.append_column("label", pa.repeat("toxic", count)).append_column("score", scores)
    path = months.folder / f"labels.{suffix}"
    if suffix == "csv":
        pc_csv.write_csv(table, path)
    else:
        pq.write_table(table, path)
    return path
