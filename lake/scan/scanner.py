"""Rows of one lake's files, as DuckDB and the row reader give them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import numpy as np
import structlog
from numpy import int64
from numpy.typing import NDArray

from lake.errors import LakeUnusable, QueryTimeout
from lake.scan.label_summaries import LabelledRows, LabelSummaries
from lake.scan.scan_range import ScanFile, ScanRange
from lake.scan.search_sql import Statement
from lake.schema import DATASETS
from lake.storage import row_reader, stored_rows
from lake.storage.duckdb_engine import Engine, Unreadable
from lake.textindex.segment import IndexDamaged

log = structlog.get_logger("search")


class Matches(NamedTuple):
    """Picked rows that match, file by file, and the columns of them that were read to know it."""

    files: tuple[ScanFile, ...]
    table: Any  # pyarrow.Table


class Scanner:
    """All methods raise QueryTimeout after so many seconds, QueryTooLarge, and LakeUnusable when a file is missing or
    damaged."""

    def __init__(self, engine: Engine, root: Path) -> None:
        self.root = root
        self._engine = engine
        self.label_summaries, self.labelled_rows = LabelSummaries(self.rows_of), LabelledRows()

    def rows(self, statement: Statement, scan: ScanRange, seconds: float) -> list[tuple[Any, ...]]:
        """Of a SearchSql's statement over this range."""
        values, picked, left = self._inputs(statement, scan, seconds)
        with _readable(left):
            return self._engine.rows(statement.sql, values, left, **picked)

    def table(self, statement: Statement, scan: ScanRange, seconds: float) -> Any:
        """The same as one Arrow table."""
        values, picked, left = self._inputs(statement, scan, seconds)
        with _readable(left):
            return self._engine.table(statement.sql, values, left, **picked)

    def of_table(self, sql: str, seconds: float, **tables: Any) -> Any:
        """What the SELECT makes of these Arrow tables, as one."""
        with _readable(seconds):
            return self._engine.table(sql, {}, seconds, **tables)

    def rows_of(
        self, sql: str, paths: Sequence[str], values: Mapping[str, Any], seconds: float
    ) -> list[tuple[Any, ...]]:
        """Of these files, which the SQL reads as $files."""
        with _readable(seconds):
            return self._engine.rows(sql, {"files": self.absolute(paths), **values}, seconds)

    def table_of(self, sql: str, paths: Sequence[str], values: Mapping[str, Any], seconds: float, **tables: Any) -> Any:
        """The same as one Arrow table. The SQL sees these Arrow tables by their names."""
        files = {"files": self.absolute(paths)} if paths else {}
        with _readable(seconds):
            return self._engine.table(sql, files | dict(values), seconds, **tables)

    def times_of(self, path: str) -> NDArray[int64]:
        """`seen` of all rows of this file, in microseconds since 1970."""
        return row_reader.times_of(self.root / path)

    def absolute(self, paths: Sequence[str]) -> list[str]:
        return [f"{self.root}/{path}" for path in paths]

    def matches(self, statement: Statement, scan: ScanRange, seconds: float) -> Matches:
        """Those of the picked rows that a SearchSql's statement, which selects `n`, keeps. Reads the columns that its
        condition needs."""
        deadline = monotonic() + seconds
        table = self._read(scan.files, columns_of(statement), seconds)
        with _readable(left := deadline - monotonic()):
            found = self._engine.rows(statement.sql, self._values(statement), left, picked=row_reader.numbered(table))
        kept = np.sort(np.array([n for (n,) in found], np.int64))
        return Matches(_with_rows(scan.files, kept), table.take(kept))

    def rows_of_matches(self, statement: Statement, parts: Sequence[Matches], seconds: float) -> list[tuple[Any, ...]]:
        """Of a SearchSql's statement over these rows. Reads the columns that they lack."""
        deadline = monotonic() + seconds
        lacking = [name for name in columns_of(statement) if name not in parts[0].table.column_names]
        rest = self._read([file for part in parts for file in part.files], lacking, seconds)
        picked = row_reader.widened([part.table for part in parts], rest)
        with _readable(left := deadline - monotonic()):
            return self._engine.rows(statement.sql, self._values(statement), left, picked=picked)

    def _values(self, statement: Statement) -> dict[str, Any]:
        files = {"label_files": self.absolute(statement.labels)} if statement.labels else {}
        return statement.values | files

    def _read(self, files: Sequence[ScanFile], columns: Sequence[str], seconds: float) -> Any:
        """The picked rows of these files, in this order: as their index stores them, where it stores all of it."""
        stored = [_stored(file, columns) for file in files]
        picks = [
            (self.root / file.path, file.row_numbers) for file, rows in zip(files, stored, strict=True) if rows is None
        ]
        read = iter(row_reader.read_rows(picks, columns, self._engine.threads, seconds) if picks else ())
        return row_reader.joined([next(read) if rows is None else rows for rows in stored])

    def _inputs(
        self, statement: Statement, scan: ScanRange, seconds: float
    ) -> tuple[dict[str, Any], dict[str, Any], float]:
        """Values, Arrow tables and the seconds that are left."""
        whole = scan.whole.paths
        values = self._values(statement) | ({"files": self.absolute(whole)} if whole else {})
        if not scan.picked.files:
            return values, {}, seconds
        deadline = monotonic() + seconds
        picked = self._read(scan.picked.files, columns_of(statement), seconds)
        return values, {"picked": picked}, deadline - monotonic()


def _stored(file: ScanFile, columns: Sequence[str]) -> Any:
    """These columns of the picked rows as an Arrow table; None when they are to be read from the file."""
    if file.stored is None:
        return None
    try:
        return stored_rows.table(*file.stored(file.row_numbers), columns)
    except IndexDamaged as error:
        log.warning("index can't be read: rows are read from their file", file=file.path, error=str(error))
        return None


def _with_rows(files: Sequence[ScanFile], numbers: NDArray[int64]) -> tuple[ScanFile, ...]:
    """The files with those of their picked rows that have these numbers, ascending, when all are counted from 0."""
    counts = [len(file.row_numbers) for file in files]
    starts = np.cumsum([0, *counts])
    parts = np.split(numbers, numbers.searchsorted(starts[1:-1]))
    kept = (
        file._replace(picked=file.row_numbers[part - start])
        for file, part, start in zip(files, parts, starts[:-1], strict=True)
    )
    return tuple(file for file in kept if not file.empty)


def columns_of(statement: Statement) -> list[str]:
    """Those of posts that its text names."""
    words = set(re.findall(r"\w+", statement.sql))
    return [name for name in DATASETS["posts"].names if name in words]


@contextmanager
def _readable(seconds: float) -> Iterator[None]:
    """Rows that DuckDB can't decode mean a damaged file: they were checked when they were written."""
    if seconds <= 0:  # no limit, for the engine
        raise QueryTimeout("The time limit was reached before the query began.")
    try:
        yield
    except Unreadable as error:
        raise LakeUnusable(f"The lake can't be read: {error}") from error
