"""Writes Parquet files.

A file grows beside its place, is fsynced, renamed, and its folder fsynced. Once it has its name it never changes.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lake.schema import VERSION, Dataset
from lake.storage import layout, parquet_options
from lake.storage.disk import disk_errors, make_folder, sha256, sync_folder
from lake.storage.parquet_options import FLUSHED, WriterProfile
from process.instants import utc

SOFTWARE = "bluesky-post-explorer 0.2"
LATE_ROWS = "late_rows"
_TYPES = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "VARCHAR[]": pa.list_(pa.string()),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True)
class PendingFile:
    """A file that is written and fsynced, but has no name yet. Paths are below the root; times are UTC."""

    root: Path
    folder: str
    name: str
    dataset: str
    hour: datetime
    rows: int
    bytes: int
    sha256: str
    min_seen: datetime
    max_seen: datetime
    min_created: datetime | None  # None: no row has one
    max_created: datetime | None
    late_rows: int = 0  # those with `learned`

    @property
    def path(self) -> str:
        return f"{self.folder}/{self.name}"

    def publish(self) -> None:
        """Gives the file its name, for good."""
        folder = self.root / self.folder
        with disk_errors(folder):
            (folder / layout.temporary_name(self.name)).rename(folder / self.name)
            sync_folder(folder)


def schema(dataset: Dataset, hour: datetime | None = None) -> pa.Schema:
    """The dataset's columns; the metadata is that of a file of this hour."""
    fields = [pa.field(column.name, _TYPES[column.type]) for column in dataset.columns]
    metadata = {"schema_version": str(VERSION), "software": SOFTWARE, "dataset": dataset.name}
    return pa.schema(fields, metadata if hour is None else {**metadata, "hour": f"{hour:%Y-%m-%dT%H}"})


def write(
    root: Path, dataset: Dataset, hour: datetime, name: str, rows: pa.Table, metadata: Mapping[str, str]
) -> PendingFile:
    """Writes one file of rows that have the dataset's columns in order, fsynced, under a temporary name. `metadata` is
    added to what every file's has. Raises LakeUnusable if the disk is full or the lake is gone."""
    return write_parts(root, dataset, hour, name, [rows], rows.num_rows, FLUSHED, lambda: metadata)


def write_parts(
    root: Path,
    dataset: Dataset,
    hour: datetime,
    name: str,
    parts: Iterable[pa.Table],
    expected: int,
    profile: WriterProfile,
    metadata: Callable[[], Mapping[str, str]],
) -> PendingFile:
    """The same from parts, in memory one at a time; each becomes row groups of its own. `expected`: number of rows, at
    least one. `metadata` is called after the last part."""
    folder = layout.partition(dataset.name, hour)
    temporary = root / folder / layout.temporary_name(name)
    with disk_errors(root):
        make_folder(root, folder)
        try:
            with temporary.open("wb") as file:
                options = parquet_options.writer_options(dataset, min(expected, profile.group_rows), profile.level)
                with pq.ParquetWriter(file, schema(dataset, hour), **options) as writer:
                    rows, late, times = _write_rows(writer, dataset, parts, profile)
                    writer.add_key_value_metadata({**metadata(), LATE_ROWS: str(late)})
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        size, digest = temporary.stat().st_size, sha256(temporary)
    made = PendingFile(root, folder, name, dataset.name, hour, rows, size, digest, *map(_utc, times))
    return replace(made, late_rows=late)


def _write_rows(
    writer: pq.ParquetWriter, dataset: Dataset, parts: Iterable[pa.Table], profile: WriterProfile
) -> tuple[int, int, list[int | None]]:
    """Returns the number of rows and of late ones, and the first and last seen and created_at in microseconds."""
    rows, late, seen, created = 0, 0, _Range(), _Range()
    for part in parts:
        table = part.cast(schema(dataset))
        writer.write_table(table, row_group_size=profile.group_rows)
        rows += table.num_rows
        late += table.num_rows - table["learned"].null_count
        seen.add(table["seen"])
        created.add(table["created_at"])
    return rows, late, [seen.low, seen.high, created.low, created.high]


class _Range:
    """The first and last of timestamps in microseconds; None until there is one."""

    def __init__(self) -> None:
        self.low: int | None = None
        self.high: int | None = None

    def add(self, timestamps: pa.ChunkedArray) -> None:
        low, high = (value.as_py() for value in pc.min_max(timestamps.cast(pa.int64())).values())
        if low is not None:
            self.low = low if self.low is None else min(self.low, low)
            self.high = high if self.high is None else max(self.high, high)


def _utc(us: int | None) -> Any:
    return None if us is None else utc(us)  # as_py() of a timestamp needs pytz


def read_metadata(path: Path) -> dict[str, str]:
    """The file's key-value metadata; empty if it is no Parquet. Raises FileNotFoundError."""
    try:
        metadata = pq.read_metadata(path).metadata or {}
        return {key.decode(): value.decode() for key, value in metadata.items()}
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException, UnicodeDecodeError):
        return {}


def late_rows(path: Path) -> int:
    """How many rows of the file are late, by its metadata. Raises FileNotFoundError."""
    return int(read_metadata(path).get(LATE_ROWS, 0))
