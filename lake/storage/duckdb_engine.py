"""The only doorway to DuckDB: one database per process, one cursor with its own time limit per query.

Timestamps are TIMESTAMP in UTC; Python gets them as integers of microseconds.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import duckdb

from lake.errors import LakeUnusable, QueryTimeout, QueryTooLarge


class Unreadable(Exception):
    """DuckDB can't make rows of its input: the data is at fault, not the statement."""


@cache
def read_sql(path: Path) -> str:
    return path.read_text()


# Rows of files, with the columns of the files only: not the year, month, day and hour of their folders. full_lake_rows
# has all columns of now (lake.schema.ADDED), whatever release wrote the files; it reads all footers beforehand.
_MACROS = """
    CREATE MACRO lake_rows(files) AS TABLE FROM read_parquet(files, hive_partitioning = false);
    CREATE MACRO named_lake_rows(files) AS TABLE
        FROM read_parquet(files, hive_partitioning = false, filename = true);
    CREATE MACRO numbered_lake_rows(files) AS TABLE
        FROM read_parquet(files, hive_partitioning = false, file_row_number = true);
    CREATE MACRO full_lake_rows(files) AS TABLE
        FROM read_parquet(files, hive_partitioning = false, filename = true, union_by_name = true)
        UNION ALL BY NAME SELECT NULL::TIMESTAMPTZ AS learned WHERE false;
"""


class Engine:
    """A DuckDB database in memory.

    memory  limit, like '512MB'
    fence   queries reach only files below this folder, must be SELECTs, and can't change settings
    spill   folder for what exceeds the limit; without it such a query raises QueryTooLarge
    """

    def __init__(self, memory: str, threads: int, fence: Path | None = None, spill: Path | None = None) -> None:
        self._database = duckdb.connect(
            config={
                "memory_limit": memory,
                "threads": threads,
                "temp_directory": str(spill or ""),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "allow_community_extensions": False,
                "preserve_insertion_order": False,
            }
        )
        self._database.execute("SET TimeZone = 'UTC'; SET late_materialization_max_rows = 2000")
        self._database.execute(_MACROS)
        self.threads = threads
        self._fenced = fence is not None
        if fence is not None:
            self._database.execute("SET allowed_directories = $1", [[f"{fence}/"]])
            self._database.execute("SET enable_external_access = false; SET lock_configuration = true")

    def cursor(self) -> "duckdb.DuckDBPyConnection":
        """A connection of its own, for sessions of several statements, which need not be SELECTs."""
        return self._database.cursor()

    def run(self, sql: str, **tables: Any) -> None:
        """Runs statements without a result. They see these Arrow tables by their names."""
        with limited(_registered(self.cursor(), tables)) as cursor:
            cursor.execute(sql)

    def table(self, sql: str, parameters: Mapping[str, Any] | None = None, seconds: float = 0, **tables: Any) -> Any:
        """All rows as one Arrow table. Raises as rows() does."""
        with limited(_registered(self._reading(sql), tables), seconds) as cursor:
            return cursor.sql(sql, params=dict(parameters or {})).to_arrow_table()

    def rows(
        self, sql: str, parameters: Mapping[str, Any] | Sequence[Any] = (), seconds: float = 0, **tables: Any
    ) -> list[tuple[Any, ...]]:
        """All rows. The statement sees these Arrow tables by their names. Raises QueryTimeout after `seconds` (0: no
        limit), QueryTooLarge at the memory limit, Unreadable, LakeUnusable."""
        with limited(_registered(self._reading(sql), tables), seconds) as cursor:
            return cursor.execute(sql, parameters or None).fetchall()

    def stream(
        self, sql: str, parameters: Mapping[str, Any] | Sequence[Any] = (), seconds: float = 0, size: int = 5000
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Rows in lists of at most `size`, read on demand. Raises as rows() does."""
        with limited(self._reading(sql), seconds) as cursor:
            cursor.execute(sql, parameters or None)
            while rows := cursor.fetchmany(size):
                yield rows

    def _reading(self, sql: str) -> "duckdb.DuckDBPyConnection":
        """A cursor for this statement. DuckDB's own fence still allows COPY TO and ATTACH below the folder."""
        if self._fenced and not _only_selects(sql):
            raise PermissionError("A fenced engine takes SELECT only.")
        return self.cursor()

    def close(self) -> None:
        self._database.close()


@lru_cache(1000)
def _only_selects(sql: str) -> bool:
    return all(statement.type == duckdb.StatementType.SELECT for statement in duckdb.extract_statements(sql))


def _registered(cursor: "duckdb.DuckDBPyConnection", tables: Mapping[str, Any]) -> "duckdb.DuckDBPyConnection":
    for name, table in tables.items():
        cursor.register(name, table)
    return cursor


@contextmanager
def limited(cursor: "duckdb.DuckDBPyConnection", seconds: float = 0) -> Iterator["duckdb.DuckDBPyConnection"]:
    """Interrupts this cursor after so many seconds (0: never), and raises errors of this package for DuckDB's."""
    ended = threading.Event()
    watch = threading.Thread(target=_interrupt, args=(cursor, seconds, ended), daemon=True)
    if seconds:
        watch.start()
    try:
        yield cursor
    except duckdb.Error as error:
        if (named := _named(error, seconds)) is None:
            raise
        raise named from error
    finally:
        ended.set()
        if seconds:
            watch.join()
        cursor.close()


def _interrupt(cursor: "duckdb.DuckDBPyConnection", seconds: float, ended: threading.Event) -> None:
    """Repeatedly: an interrupt before the query has started, or between two fetches, has no effect."""
    ended.wait(seconds)
    while not ended.is_set():
        cursor.interrupt()
        ended.wait(0.02)


def _named(error: duckdb.Error, seconds: float) -> Exception | None:
    """The error of this package; None if the statement is wrong."""
    text = str(error).splitlines()[0][:300]
    match error:
        case duckdb.InterruptException():
            return QueryTimeout(f"The query took longer than {seconds:g} s.")
        case duckdb.OutOfMemoryException():
            return QueryTooLarge("The query needs more memory than it may use.")
        case duckdb.DataError() | duckdb.InvalidInputException() | duckdb.InternalException():
            return Unreadable(text)
    if isinstance(error, duckdb.IOException) or type(error) is duckdb.Error:  # damaged Parquet has no class of its own
        return LakeUnusable(f"The lake can't be read: {text}")
    return None
