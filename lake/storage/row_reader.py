"""Reads rows of Parquet files by their numbers with pyarrow, decoding only the row groups that hold them.

DuckDB takes 10 ms a row for this: it plans each file separately and reads one after the other.
"""

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lake.errors import LakeUnusable, QueryTimeout
from lake.schema import ADDED, DATASETS
from lake.storage.parquet_writer import schema

Table = Any  # pyarrow.Table
RowNumbers = NDArray[np.uint32]  # within a file, from 0

_ADDED = {name: schema(DATASETS["posts"]).field(name).type for name in ADDED}
OPEN = 128  # footers: about 2 MB each, 3 ms to read


def read_rows(
    picks: Iterable[tuple[Path, RowNumbers]], columns: Sequence[str], threads: int, seconds: float
) -> list[Table]:
    """The rows of each file. Raises QueryTimeout after `seconds`, LakeUnusable when a file is missing or damaged."""
    deadline = time.monotonic() + seconds

    def of_file(pick: tuple[Path, RowNumbers]) -> Table:
        if time.monotonic() >= deadline:
            raise QueryTimeout(f"The time limit of {seconds:.3g} s was reached.")
        return _of_file(*pick, columns)

    try:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(of_file, picks))
    except (OSError, pa.ArrowException, IndexError) as error:
        raise LakeUnusable(f"The lake can't be read: {error}") from error


def times_of(path: Path) -> NDArray[np.int64]:
    """`seen` of all rows, in microseconds since 1970: 6 ms a million. Raises LakeUnusable."""
    try:
        file = pq.ParquetFile(path, metadata=_footer(path)[0], pre_buffer=False)
        seen = file.read(["seen"], use_threads=False)["seen"]
    except (OSError, pa.ArrowException) as error:
        raise LakeUnusable(f"The lake can't be read: {error}") from error
    times: NDArray[np.int64] = seen.cast(pa.timestamp("us", seen.type.tz)).cast(pa.int64()).to_numpy()
    return times


def among(times: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of the times that are among these, ascending. Both are sorted, as a rule: `times` of flushed files may
    not be, which takes ten times as long. Pure."""
    if (times[1:] < times[:-1]).any():
        return np.flatnonzero(np.isin(times, wanted))
    first, end = (times.searchsorted(wanted, side) for side in ("left", "right"))
    counts = end - first
    before = np.cumsum(counts) - counts
    places: NDArray[np.int64] = np.repeat(first - before, counts) + np.arange(counts.sum())
    return places


def joined(tables: Sequence[Table]) -> Table:
    """Of the same columns."""
    return pa.concat_tables(tables).combine_chunks()


def numbered(rows: Table) -> Table:
    """The rows with `n`, their number from 0."""
    return rows.append_column("n", pa.array(np.arange(len(rows))))


def widened(parts: Sequence[Table], rest: Table) -> Table:
    """The rows of all parts with the columns that `rest` has of them."""
    table = pa.concat_tables(parts)
    for name in rest.column_names:
        table = table.append_column(name, rest[name])
    return table


def _of_file(path: Path, rows: RowNumbers, columns: Sequence[str]) -> Table:
    footer, ends = _footer(path)
    groups = np.searchsorted(ends, rows, side="right")
    file = pq.ParquetFile(path, metadata=footer, pre_buffer=False)  # reading ahead in a thread costs 0.2 ms a row group
    parts = []
    for group in np.unique(groups).tolist():
        first = ends[group - 1] if group else 0
        part = file.read_row_group(group, columns=list(columns), use_threads=False)
        parts.append(_taken(_complete(part, columns), rows[groups == group] - first))
    return pa.concat_tables(parts)


def _complete(group: Table, columns: Sequence[str]) -> Table:
    """With nulls for the columns that the file's release did not have yet."""
    if not (lacking := [name for name in columns if name not in group.column_names]):
        return group
    for name in lacking:
        group = group.append_column(name, pa.nulls(len(group), _ADDED[name]))
    return group.select(columns)


def _taken(group: Table, rows: RowNumbers) -> Table:
    """A slice where it can be one: take() needs 0.1 ms for 17 columns."""
    return group.slice(int(rows[0]), 1) if len(rows) == 1 else group.take(pa.array(rows))


@lru_cache(OPEN)
def _footer(path: Path) -> tuple[pq.FileMetaData, NDArray[np.int64]]:
    """And the row number after the last of each row group. Files are immutable, so the path is enough as a key."""
    footer = pq.read_metadata(path)
    return footer, np.cumsum([footer.row_group(number).num_rows for number in range(footer.num_row_groups)])
