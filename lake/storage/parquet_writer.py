"""Writes Parquet files.

A file grows beside its place, is fsynced, renamed, and its folder fsynced. Once it has its name it never changes.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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


_TYPES = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
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
    """With what the metadata of a file of that hour begins with."""
    fields = [pa.field(column.name, _TYPES[column.type]) for column in dataset.columns]
    told = {"schema_version": str(VERSION), "software": SOFTWARE, "dataset": dataset.name}
    return pa.schema(fields, told if hour is None else {**told, "hour": f"{hour:%Y-%m-%dT%H}"})


def write(
    root: Path, dataset: Dataset, hour: datetime, name: str, rows: pa.Table, notes: Mapping[str, str]
) -> PendingFile:
    """Writes one file of rows that have the dataset's columns in order, fsynced, under a temporary name.

    Raises LakeUnusable when the disk is full or the lake is gone."""
    return write_parts(root, dataset, hour, name, [rows], rows.num_rows, FLUSHED, notes)


def write_parts(
    root: Path,
    dataset: Dataset,
    hour: datetime,
    name: str,
    parts: Iterable[pa.Table],
    expected: int,
    style: WriterProfile,
    notes: Mapping[str, str] | None = None,
) -> PendingFile:
    """The same of rows that come in parts, in memory one at a time; each becomes row groups of its own. `expected`: how
    many rows that will be, at least one. `notes`: what the metadata says besides, as of the last part."""
    folder = layout.partition(dataset.name, hour)
    temporary = root / folder / layout.temporary_name(name)
    with disk_errors(root):
        make_folder(root, folder)
        try:
            with temporary.open("wb") as file:
                options = parquet_options.writer_options(dataset, min(expected, style.group_rows), style.level)
                with pq.ParquetWriter(file, schema(dataset, hour), **options) as writer:
                    rows, times = _write_rows(writer, dataset, parts, style)
                    writer.add_key_value_metadata({} if notes is None else dict(notes))
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        size, digest = temporary.stat().st_size, sha256(temporary)
    return PendingFile(root, folder, name, dataset.name, hour, rows, size, digest, *map(_utc, times))


def _write_rows(
    writer: pq.ParquetWriter, dataset: Dataset, parts: Iterable[pa.Table], style: WriterProfile
) -> tuple[int, list[int | None]]:
    """How many rows it wrote; the first and last seen, the first and last created_at, in microseconds."""
    rows, seen, created = 0, _Range(), _Range()
    for part in parts:
        table = part.cast(schema(dataset))
        writer.write_table(table, row_group_size=style.group_rows)
        rows += table.num_rows
        seen.add(table["seen"])
        created.add(table["created_at"])
    return rows, [seen.low, seen.high, created.low, created.high]


class _Range:
    """The first and last of moments in microseconds; None while there was none."""

    def __init__(self) -> None:
        self.low: int | None = None
        self.high: int | None = None

    def add(self, moments: pa.ChunkedArray) -> None:
        low, high = (value.as_py() for value in pc.min_max(moments.cast(pa.int64())).values())
        if low is not None:
            self.low = low if self.low is None else min(self.low, low)
            self.high = high if self.high is None else max(self.high, high)


def _utc(us: int | None) -> Any:
    """Not as_py() of the timestamp: that needs pytz."""
    return None if us is None else utc(us)


def notes_of(path: Path) -> dict[str, str]:
    """What the file's metadata says; nothing when it is no Parquet. Raises FileNotFoundError."""
    try:
        told = pq.read_metadata(path).metadata or {}
        return {key.decode(): value.decode() for key, value in told.items()}
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException, UnicodeDecodeError):
        return {}
