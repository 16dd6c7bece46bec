"""What the files themselves say, for a catalog that is made anew: each file's row, and which of a partition's files
hold each of its events once."""

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from lake.catalog import orphans
from lake.catalog.listing import ListedFile
from lake.compact import rewrite_sql
from lake.compact.rewrite import count
from lake.errors import LakeUnusable
from lake.models import DataFile
from lake.schema import DATASETS, STATEFUL, Dataset
from lake.storage import disk, layout, parquet_writer
from lake.storage.duckdb_engine import Engine
from lake.storage.layout import HOUR
from lake.storage.origin import Origin
from lake.verify.files import COLUMNS, wrong_column
from process import instants

_MINUTES = """
    SELECT strftime(seen, '%Y-%m-%dT%H:%M'), count(*), epoch_us(min(seen)), epoch_us(max(seen)),
        epoch_us(min(created_at)), epoch_us(max(created_at))
    FROM read_parquet($1, hive_partitioning = false) GROUP BY ALL ORDER BY ALL
"""
_SHARED = """
    SELECT count(*) FROM (
        SELECT {keys} FROM read_parquet([$one], hive_partitioning = false) AS s
        INTERSECT SELECT {keys} FROM read_parquet($others, hive_partitioning = false) AS s)
"""


class Found(NamedTuple):
    """A file on the disk: the row that lists it, not saved yet, and its rows by minute of seen. Without an origin it is
    of version 0.1."""

    row: DataFile
    origin: Origin | None
    minutes: dict[str, int]

    @property
    def listed(self) -> ListedFile:
        row = self.row
        return ListedFile(row.dataset, row.hour, row.path, row.rows, row.bytes, row.rows_by_arrival, row.unpurged)

    @property
    def age(self) -> tuple[bool, int, str]:
        """Sorts what replaces before what it has replaced: compacted files before others, the latest of them first."""
        name = PurePath(self.row.path).stem
        return not self.listed.compacted, -int(name[2:]) if self.listed.compacted else 0, self.row.path


class Choice(NamedTuple):
    """`covered`: files all of whose rows are in those `kept`. `mixed`: two of these share rows, and neither covers the
    other, or one holds a row twice."""

    kept: list[Found]
    covered: list[Found]
    mixed: bool


def paths(root: Path) -> list[str]:
    """The files at their places in the lake's folders that a writer has finished."""
    return sorted(
        str(path)
        for path in disk.files_below(root)
        if orphans.is_ours(path.name) and (place := layout.dataset_and_hour(str(path))) and place[0] in DATASETS
    )


def read(engine: Engine, root: Path, path: str) -> Found:
    """Raises LakeUnusable and Unreadable when the file can't be one of the lake's."""
    place = layout.dataset_and_hour(path)
    assert place is not None
    dataset, hour = DATASETS[place[0]], place[1]
    absolute = str(root / path)
    if (told := parquet_writer.read_metadata(root / path).get("dataset", dataset.name)) != dataset.name:
        raise LakeUnusable(f"it says that it holds {told}")
    if wrong := wrong_column(dataset, dict(engine.rows(COLUMNS, [absolute]))):
        raise LakeUnusable(wrong)
    rows = engine.rows(_MINUTES, [absolute])
    times = [_extreme(rows, number) for number in range(2, 6)]
    low, high, first_created, last_created = (None if us is None else instants.utc(us) for us in times)
    if low is None or high is None or not hour <= low <= high < hour + HOUR:
        raise LakeUnusable(f"its rows are seen from {low} to {high}, outside its hour")
    origin = orphans.origin_of(root / path)
    arrived, unpurged = (origin.at_ingest_time, origin.unpurged) if origin else _counted(engine, dataset, absolute)
    row = DataFile(
        path=path,
        dataset=dataset.name,
        hour=hour,
        rows=sum(row[1] for row in rows),
        bytes=(root / path).stat().st_size,
        min_seen=low,
        max_seen=high,
        min_created=first_created,
        max_created=last_created,
        rows_by_arrival=arrived,
        unpurged=unpurged,
        sha256=disk.sha256(root / path),
    )
    return Found(row, origin, {row[0]: row[1] for row in rows})


def _extreme(rows: Sequence[tuple[str | int | None, ...]], number: int) -> int | None:
    """Of a column of moments: first ones stand at even numbers, last ones at odd."""
    known = [us for row in rows if isinstance(us := row[number], int)]
    return (max if number % 2 else min)(known, default=None)


def _counted(engine: Engine, dataset: Dataset, path: str) -> tuple[int, int]:
    """Rows whose seen is their arrival, and deleted ones with text, of a file that does not say it."""
    unpurged = f"state = 'deleted' AND ({rewrite_sql.has_text(dataset)})" if dataset.name in STATEFUL else "false"
    sql = f"""SELECT count(*) FILTER (extra LIKE '%"$time_us"%'), count(*) FILTER ({unpurged})
        FROM read_parquet($1, hive_partitioning = false)"""
    arrived, kept = engine.rows(sql, [path])[0]
    return arrived, kept


def choose(engine: Engine, root: Path, group: Sequence[Found]) -> Choice:
    """Of all files of one partition. By the keys of their rows alone: whatever a kill or a copy has left there."""
    dataset = DATASETS[group[0].row.dataset]
    ordered = sorted(group, key=lambda found: found.age)
    rows, distinct = count(engine, dataset, [str(root / found.row.path) for found in group])
    if rows == distinct:
        return Choice(ordered, [], False)
    kept: list[Found] = []
    covered: list[Found] = []
    mixed = False
    for found in ordered:
        _, own = count(engine, dataset, [str(root / found.row.path)])
        shared = _shared(engine, root, dataset, found, kept)
        if shared == own:
            covered.append(found)
        else:
            mixed |= shared > 0 or own != found.row.rows
            kept.append(found)
    return Choice(kept, covered, mixed)


def _shared(engine: Engine, root: Path, dataset: Dataset, found: Found, others: Sequence[Found]) -> int:
    """How many keys of the file the others hold, too."""
    values = {"one": str(root / found.row.path), "others": [str(root / other.row.path) for other in others]}
    return int(engine.rows(_SHARED.format(keys=rewrite_sql.key(dataset)), values)[0][0]) if others else 0
