"""A file of labels as chunks of text: Parquet, CSV or NDJSON. What is wrong with a single row is left to parse.py."""

import csv
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from lake.errors import LakeError

COLUMNS = ("uri", "label", "score", "value", "model", "version", "labelled_at")
NEEDED = COLUMNS[:2]
CHUNK_ROWS = 500_000
LINE = "line"  # the only column of an NDJSON chunk: its lines, not parsed yet
MOST_CHARACTERS = 1 << 20  # of a cell of CSV: more means a quote that is never closed


class LabelFileError(LakeError):
    """The file as a whole can't be read as labels."""


class Chunk(NamedTuple):
    """`first`: number of its first row in the file, from 1 on, without a CSV's header. `done`: bytes of the file that
    are read. `table`: COLUMNS as text, those that the file has; or LINE."""

    first: int
    table: pa.Table
    done: int


def read(path: Path, after: int = 0, size: int = CHUNK_ROWS) -> Iterator[Chunk]:
    """The rows after the first `after`. Raises LabelFileError and OSError."""
    readers = {".parquet": _parquet, ".csv": _csv, ".ndjson": _ndjson, ".jsonl": _ndjson}
    if (reader := readers.get(path.suffix.lower())) is None:
        raise LabelFileError(f"{path} has none of the endings {', '.join(readers)}, which tell its format: rename it.")
    try:
        yield from reader(path, after, size)
    except (csv.Error, pa.ArrowException) as error:
        raise LabelFileError(f"{path} can't be read: {str(error).splitlines()[0]}") from error


def unknown(names: Sequence[str]) -> list[str]:
    return [name for name in names if name not in COLUMNS]


def columns(path: Path) -> list[str]:
    """The names of the file's columns; [] of NDJSON, whose rows have their own. Raises as read() does."""
    try:
        if path.suffix.lower() == ".parquet":
            return list(pq.read_schema(path).names)
        if path.suffix.lower() == ".csv":
            with _text(path) as file:
                return next(csv.reader(file), [])
    except (csv.Error, pa.ArrowException) as error:
        raise LabelFileError(f"{path} can't be read: {str(error).splitlines()[0]}") from error
    return []


def _require(names: Sequence[str], path: Path) -> None:
    if missing := [name for name in NEEDED if name not in names]:
        raise LabelFileError(f"{path} has no column {' and no column '.join(missing)}: it has {', '.join(names)}.")
    if twice := [name for name in COLUMNS if names.count(name) > 1]:
        raise LabelFileError(f"{path} has the column {twice[0]} twice.")


def _parquet(path: Path, after: int, size: int) -> Iterator[Chunk]:
    file = pq.ParquetFile(path)
    _require(file.schema_arrow.names, path)
    known = [name for name in COLUMNS if name in file.schema_arrow.names]
    rows, total = 0, path.stat().st_size
    for batch in file.iter_batches(size, columns=known):
        skipped = min(batch.num_rows, max(0, after - rows))
        if left := batch.num_rows - skipped:
            table = pa.table({name: _as_text(batch[name].slice(skipped), name) for name in known})
            yield Chunk(rows + skipped + 1, table, total * (rows + skipped + left) // max(1, file.metadata.num_rows))
        rows += batch.num_rows


def _as_text(values: pa.Array, name: str) -> pa.Array:
    try:
        return values.cast(pa.string())
    except pa.ArrowException as error:
        raise LabelFileError(f"The column {name} has the type {values.type}: it must be text or a number.") from error


def _csv(path: Path, after: int, size: int) -> Iterator[Chunk]:
    csv.field_size_limit(MOST_CHARACTERS)
    with _text(path) as file:
        rows = csv.reader(file)
        names = next(rows, [])
        _require(names, path)
        first = 1 + sum(1 for _ in islice(rows, after))
        while part := list(islice(rows, size)):
            yield Chunk(first, _columns(names, part), _position(file))
            first += len(part)


def _columns(names: Sequence[str], rows: list[list[str]]) -> pa.Table:
    """A row that is too short lacks its last columns. One that is too long has none: it is no row of this table."""
    if set(map(len, rows)) != {len(names)}:
        empty = [""] * len(names)
        rows = [empty if len(row) > len(names) else [*row, *empty[len(row) :]] for row in rows]
    by_name = dict(zip(names, zip(*rows, strict=True), strict=False))
    return pa.table({name: pa.array(by_name[name], pa.string()) for name in COLUMNS if name in by_name})


def _ndjson(path: Path, after: int, size: int) -> Iterator[Chunk]:
    with _text(path) as file:
        first = 1 + sum(1 for _ in islice(file, after))
        while part := list(islice(file, size)):
            yield Chunk(first, pa.table({LINE: pa.array(part, pa.string())}), _position(file))
            first += len(part)


def _text(path: Path) -> IO[str]:
    """Without a byte order mark. What is no UTF-8 becomes U+FFFD, which parse.py refuses."""
    return path.open(encoding="utf-8-sig", errors="replace", newline="")


def _position(file: IO[str]) -> int:
    """Bytes read: a little more than the rows, as the file is read ahead."""
    return file.buffer.tell()  # type: ignore[attr-defined, no-any-return]
