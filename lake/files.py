"""Writes Parquet files, and removes what the catalog does not list. With lake.formats the only doorway to pyarrow.

A file grows beside its place, is fsynced, renamed, and its folder fsynced. Once it has its name it never changes.
"""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import structlog

from lake import layout
from lake.errors import LakeUnusable
from lake.schema import VERSION, Column, Dataset

log = structlog.get_logger("files")

EPOCH = datetime.fromtimestamp(0, UTC)
ROW_GROUP_ROWS = 32_768  # a flush file lives for an hour or two: small enough for point reads, large enough for zstd
ZSTD_LEVEL = 2  # as small as 3 on these columns and a tenth faster; compaction compresses harder
BLOOM_FPP = 0.01
SOFTWARE = "bluesky-post-explorer 0.1"

_TYPES = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "BOOLEAN": pa.bool_(),
    "VARCHAR[]": pa.list_(pa.string()),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
}
_REPEATING = {"operation", "state", "collection", "kind", "status", "did", "langs", "media", "domains", "hashtags"}
_INCREASING = {"seen", "created_at", "state_seen", "seq"}
_SHARED_PREFIXES = {"rev"}


@dataclass(frozen=True)
class Pending:
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
        with our_disk(folder):
            (folder / layout.temporary_name(self.name)).rename(folder / self.name)
            _sync_folder(folder)


def schema(dataset: Dataset) -> pa.Schema:
    fields = [pa.field(column.name, _TYPES[column.type]) for column in dataset.columns]
    return pa.schema(fields, {"schema_version": str(VERSION), "software": SOFTWARE, "dataset": dataset.name})


def write(root: Path, dataset: Dataset, hour: datetime, name: str, rows: pa.Table) -> Pending:
    """Writes one file of rows that have the dataset's columns in order, fsynced, under a temporary name.

    Raises LakeUnusable when the disk is full or the lake is gone."""
    folder = layout.partition(dataset.name, hour)
    temporary = root / folder / layout.temporary_name(name)
    table = rows.cast(schema(dataset))
    times = [_utc(value) for name in ("seen", "created_at") for value in pc.min_max(table[name]).values()]
    with our_disk(root):
        make_folder(root, folder)
        try:
            _write_durably(temporary, dataset, table)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        size, digest = temporary.stat().st_size, sha256(temporary)
    return Pending(root, folder, name, dataset.name, hour, table.num_rows, size, digest, *times)


def _write_durably(path: Path, dataset: Dataset, table: pa.Table) -> None:
    options = _options(dataset, min(table.num_rows, ROW_GROUP_ROWS))
    with path.open("wb") as file:
        pq.write_table(table, file, row_group_size=ROW_GROUP_ROWS, **options)
        file.flush()
        os.fsync(file.fileno())


def _options(dataset: Dataset, rows: int) -> dict[str, object]:
    return {
        "compression": "zstd",
        "compression_level": ZSTD_LEVEL,
        "data_page_version": "2.0",
        "write_page_index": True,
        "use_dictionary": [_leaf(column) for column in dataset.columns if column.name in _REPEATING],
        "column_encoding": {_leaf(c): encoding for c in dataset.columns if (encoding := _encoding(c))},
        "bloom_filter_options": {name: {"ndv": max(1, rows), "fpp": BLOOM_FPP} for name in dataset.lookups},
    }


def _encoding(column: Column) -> str | None:
    if column.name in _INCREASING:
        return "DELTA_BINARY_PACKED"
    if column.name in _SHARED_PREFIXES:
        return "DELTA_BYTE_ARRAY"
    if column.name in _REPEATING or column.type == "BOOLEAN":
        return None
    return "DELTA_LENGTH_BYTE_ARRAY"


def _leaf(column: Column) -> str:
    """The column's path in Parquet."""
    return f"{column.name}.list.element" if column.type.endswith("[]") else column.name


def _utc(value: pa.Scalar) -> Any:
    """A datetime, or None of a null."""
    return (
        EPOCH + timedelta(microseconds=value.cast(pa.int64()).as_py()) if value.is_valid else None
    )  # as_py() needs pytz


class Damaged(Exception):
    """The file is no Parquet file, or not a whole one."""


class Content(NamedTuple):
    """What a file says of itself: its rows, and the first and last seen of them (None where it does not say)."""

    rows: int
    min_seen: datetime | None
    max_seen: datetime | None


def content(path: Path) -> Content:
    """Read from the file's metadata, not from its rows. Raises Damaged."""
    try:
        metadata = pq.read_metadata(path)
        column = metadata.schema.to_arrow_schema().get_field_index("seen")
        groups = [metadata.row_group(number).column(column).statistics for number in range(metadata.num_row_groups)]
        known = [group for group in groups if group is not None and group.has_min_max]
        low, high = (min(g.min for g in known), max(g.max for g in known)) if known else (None, None)
    except (pa.ArrowException, OSError, ValueError) as error:  # ArrowInvalid is a ValueError
        raise Damaged(str(error).splitlines()[0][:300]) from error
    return Content(metadata.num_rows, low, high)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_folder(root: Path, folder: str) -> None:
    """Makes the folder below the root, never the root itself: a lake that is not mounted must not be begun anew.
    Each new folder's own entry is on the disk before a file in it is listed."""
    if not root.is_dir():
        raise LakeUnusable(f"LAKE_ROOT {root} is missing: mount it or create it, then start again.")
    path = root
    for part in folder.split("/"):
        parent, path = path, path / part
        if not path.is_dir():
            path.mkdir(exist_ok=True)
            _sync_folder(parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def our_disk(path: Path) -> Iterator[None]:
    """Turns an error of the disk into one sentence that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise LakeUnusable(f"The disk of {path} is full: make room, then start again. Nothing is lost.") from error
        raise LakeUnusable(f"{path} can't be written ({error.strerror}): mend that, then start again.") from error


def on_disk(root: Path) -> Iterator[Path]:
    """All files below the root's dataset folders, hidden ones too, paths below the root."""
    for folder, _, names in os.walk(root):
        for name in names:
            yield (Path(folder) / name).relative_to(root)


def remove(root: Path, path: Path, why: str) -> None:
    log.warning("removed file", path=str(path), why=why)
    (root / path).unlink()
