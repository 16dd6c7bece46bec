"""Rows of one lake's files, as DuckDB and the row reader give them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from numpy import int64
from numpy.typing import NDArray

from lake.errors import LakeUnusable, QueryTimeout
from lake.query.spec import FIRST_US
from lake.scan.scan_range import ScanRange
from lake.scan.search_sql import Statement
from lake.schema import DATASETS
from lake.storage import row_reader
from lake.storage.duckdb_engine import Engine, Unreadable
from lake.textindex.postings import DocIds


class Scanner:
    """All methods raise QueryTimeout after so many seconds, QueryTooLarge, and LakeUnusable when a file is missing or
    damaged."""

    def __init__(self, engine: Engine, root: Path) -> None:
        self.root = root
        self._engine = engine

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

    def rows_of(
        self, sql: str, paths: Sequence[str], values: Mapping[str, Any], seconds: float
    ) -> list[tuple[Any, ...]]:
        """Of these files, which the SQL reads as $files."""
        with _readable(seconds):
            return self._engine.rows(sql, {"files": self.absolute(paths), **values}, seconds)

    def absolute(self, paths: Sequence[str]) -> list[str]:
        return [f"{self.root}/{path}" for path in paths]

    def times(self, scan: ScanRange, column: str, seconds: float) -> list[NDArray[int64]]:
        """Microseconds of the picked rows, file by file."""
        return row_reader.read_times(self._picks(scan), column, FIRST_US, self._engine.threads, seconds)

    def _inputs(
        self, statement: Statement, scan: ScanRange, seconds: float
    ) -> tuple[dict[str, Any], dict[str, Any], float]:
        """Values, Arrow tables and the seconds that are left."""
        whole = scan.whole.paths
        values = statement.values | ({"files": self.absolute(whole)} if whole else {})
        if not (picks := self._picks(scan)):
            return values, {}, seconds
        deadline, words = monotonic() + seconds, set(re.findall(r"\w+", statement.sql))
        names = [name for name in DATASETS["posts"].names if name in words]
        picked = row_reader.read_rows(picks, names, self._engine.threads, seconds)
        return values, {"picked": picked}, deadline - monotonic()

    def _picks(self, scan: ScanRange) -> list[tuple[Path, DocIds]]:
        return [(self.root / file.path, file.row_numbers) for file in scan.picked.files]


@contextmanager
def _readable(seconds: float) -> Iterator[None]:
    """Rows that DuckDB can't decode mean a damaged file: they were checked when they were written."""
    if seconds <= 0:  # no limit, for the engine
        raise QueryTimeout("The time limit was reached before the query began.")
    try:
        yield
    except Unreadable as error:
        raise LakeUnusable(f"The lake can't be read: {error}") from error
