"""The catalog row of each file, from the file alone; and which files of a partition hold each event once."""

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
from lake.storage.parquet_columns import wrong_column
from process import instants

_MINUTES = """
    SELECT strftime(seen, '%Y-%m-%dT%H:%M'), count(*),
        epoch_us(min(min(seen)) OVER ()), epoch_us(max(max(seen)) OVER ()),
        epoch_us(min(min(created_at)) OVER ()), epoch_us(max(max(created_at)) OVER ())
    FROM lake_rows($1) GROUP BY ALL ORDER BY ALL
"""
_COUNTS = """
    SELECT count(*) FILTER (extra LIKE '%"$time_us"%'), count(*) FILTER ({unpurged})
    FROM lake_rows($1)
"""
_SHARED = """
    SELECT count(*) FROM (
        SELECT {keys} FROM lake_rows([$one]) AS s
        INTERSECT SELECT {keys} FROM lake_rows($others) AS s)
"""


class LakeFile(NamedTuple):
    """A file on the disk: its catalog row, not saved yet, and its rows by minute of `seen`. Files of version 0.1 have
    no origin."""

    row: DataFile
    origin: Origin | None
    minutes: dict[str, int]

    @property
    def listed(self) -> ListedFile:
        row = self.row
        return ListedFile(row.dataset, row.hour, row.path, row.rows, row.bytes, row.rows_by_arrival, row.unpurged)

    @property
    def newest_first(self) -> tuple[bool, int, str]:
        """Sort key: compacted files, the latest first, then flushed ones. A file comes before those it replaced."""
        name = PurePath(self.row.path).stem
        return not self.listed.compacted, -int(name[2:]) if self.listed.compacted else 0, self.row.path


class Choice(NamedTuple):
    """`covered`: files whose rows are all in `kept`. `overlap`: some of `kept` share rows, or one repeats a row."""

    kept: list[LakeFile]
    covered: list[LakeFile]
    overlap: bool


def finished_paths(root: Path) -> list[str]:
    """Of all files in the lake's folders that have a writer's final name, below the root."""
    return sorted(
        str(path)
        for path in disk.files_below(root)
        if orphans.is_ours(path.name) and (place := layout.dataset_and_hour(str(path))) and place[0] in DATASETS
    )


def read(engine: Engine, root: Path, path: str) -> LakeFile:
    """Raises LakeUnusable and Unreadable when the file does not belong to the lake."""
    place = layout.dataset_and_hour(path)
    assert place is not None
    dataset, hour = DATASETS[place[0]], place[1]
    absolute = str(root / path)
    if (named := parquet_writer.read_metadata(root / path).get("dataset", dataset.name)) != dataset.name:
        raise LakeUnusable(f"its metadata names the dataset {named}")
    if wrong := wrong_column(engine, root / path, dataset):
        raise LakeUnusable(wrong)
    minutes = engine.rows(_MINUTES, [absolute])
    times = minutes[0][2:] if minutes else [None] * 4  # of the whole file
    first_seen, last_seen, first_created, last_created = (None if us is None else instants.utc(us) for us in times)
    if first_seen is None or last_seen is None or not hour <= first_seen <= last_seen < hour + HOUR:
        raise LakeUnusable(f"its rows are seen from {first_seen} to {last_seen}, outside its hour")
    origin = orphans.origin_of(root / path)
    arrived, unpurged = (origin.at_ingest_time, origin.unpurged) if origin else _counts(engine, dataset, absolute)
    row = DataFile(
        path=path,
        dataset=dataset.name,
        hour=hour,
        rows=sum(row[1] for row in minutes),
        bytes=(root / path).stat().st_size,
        min_seen=first_seen,
        max_seen=last_seen,
        min_created=first_created,
        max_created=last_created,
        rows_by_arrival=arrived,
        late_rows=parquet_writer.late_rows(root / path),
        unpurged=unpurged,
        sha256=disk.sha256(root / path),
    )
    return LakeFile(row, origin, {row[0]: row[1] for row in minutes})


def _counts(engine: Engine, dataset: Dataset, path: str) -> tuple[int, int]:
    """Rows with an ingest time for `seen`, and deleted rows with text, of a file without an origin."""
    unpurged = f"state = 'deleted' AND ({rewrite_sql.has_text(dataset)})" if dataset.name in STATEFUL else "false"
    by_ingest_time, kept = engine.rows(_COUNTS.format(unpurged=unpurged), [path])[0]
    return by_ingest_time, kept


def choose(engine: Engine, root: Path, files: Sequence[LakeFile]) -> Choice:
    """Of all files of one partition, by the keys of their rows alone: whatever a kill or a copy has left there."""
    dataset = DATASETS[files[0].row.dataset]
    ordered = sorted(files, key=lambda file: file.newest_first)
    rows, distinct = count(engine, dataset, [str(root / file.row.path) for file in files])
    if rows == distinct:
        return Choice(ordered, [], False)
    kept: list[LakeFile] = []
    covered: list[LakeFile] = []
    overlap = False
    for file in ordered:
        _, own = count(engine, dataset, [str(root / file.row.path)])
        shared = _shared(engine, root, dataset, file, kept)
        if shared == own:
            covered.append(file)
        else:
            overlap |= shared > 0 or own != file.row.rows
            kept.append(file)
    return Choice(kept, covered, overlap)


def _shared(engine: Engine, root: Path, dataset: Dataset, file: LakeFile, others: Sequence[LakeFile]) -> int:
    """How many keys of the file the others hold too."""
    values = {"one": str(root / file.row.path), "others": [str(root / other.row.path) for other in others]}
    return int(engine.rows(_SHARED.format(keys=rewrite_sql.key(dataset)), values)[0][0]) if others else 0
