"""Rows of a CSV, NDJSON or Parquet file, in parts that fit into memory."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

ROWS_AT_ONCE = 5_000
SUFFIXES = (".csv", ".ndjson", ".jsonl", ".parquet")


class UnreadableFile(ValueError):
    """The message says what to do."""


class Part(NamedTuple):
    """`rows`: None in place of one that is no object. `done`, `total`: of the file's bytes, or of its rows."""

    rows: list[Mapping[str, Any] | None]
    done: int
    total: int


def parts(path: Path) -> Iterator[Part]:
    """By the file's ending. Raises UnreadableFile, and OSError."""
    readers = {".csv": _csv, ".ndjson": _ndjson, ".jsonl": _ndjson, ".parquet": _parquet}
    if (read := readers.get(path.suffix.lower())) is None:
        raise UnreadableFile(f"{path} has none of the endings {', '.join(SUFFIXES)}: rename it after its format.")
    try:
        yield from read(path)
    except (pa.ArrowInvalid, csv.Error, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{path} can't be read as {path.suffix[1:]}: {error}.") from error


def _csv(path: Path) -> Iterator[Part]:
    total = path.stat().st_size
    with path.open("rb") as raw, io.TextIOWrapper(raw, "utf-8-sig", newline="") as text:
        rows = csv.DictReader(text)
        while found := list(islice(rows, ROWS_AT_ONCE)):
            yield Part(list(found), raw.tell(), total)


def _ndjson(path: Path) -> Iterator[Part]:
    total = path.stat().st_size
    with path.open("rb") as lines:
        while found := list(islice(lines, ROWS_AT_ONCE)):
            yield Part([_object(line) for line in found if line.strip()], lines.tell(), total)


def _object(line: bytes) -> Mapping[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _parquet(path: Path) -> Iterator[Part]:
    with pq.ParquetFile(path) as file:
        done, total = 0, file.metadata.num_rows
        for batch in file.iter_batches(ROWS_AT_ONCE):
            done += batch.num_rows
            yield Part(batch.to_pylist(), done, total)
