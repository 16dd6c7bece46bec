"""Rows of one lake's files, as DuckDB reads them. Values never enter the text of a query."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from lake import catalog, hits
from lake.asked import Place, Search, microseconds
from lake.catalog import utc
from lake.conditions import condition
from lake.engine import Engine, Unreadable
from lake.errors import LakeUnusable, QueryTimeout
from lake.hits import Hit
from lake.narrowing import Narrowing
from lake.postings import Ordinals

ODD_US = 3_600_000_000  # an author's clock is mostly no further from the server's


class File(NamedTuple):
    """A file, or some rows of it. `low`, `high`: the lowest and highest position of its rows. Most of them lie
    between `begin` and `end`."""

    path: str
    rows: int
    low: int
    high: int
    begin: int
    end: int
    picked: Ordinals | None = None  # rows by their number in the file, ascending, when not all are to be read


def files_of(search: Search) -> list[File]:
    """The listed files that may hold a hit, those that begin last first."""
    low, high = map(utc, search.span())
    files = catalog.listed(search.dataset).filter(min_seen__lte=utc(search.until_us))
    if search.clock == "seen":
        files = files.filter(max_seen__gte=low, min_seen__lte=high)
    else:
        files = files.filter(max_created__gte=low, min_created__lte=high)
    rows = files.values_list("path", "rows", "min_seen", "max_seen", "min_created", "max_created")
    return sorted((_file(search, *row) for row in rows), key=lambda file: (-file.begin, file.path))


def _file(search: Search, path: str, rows: int, *times: datetime | None) -> File:
    """`times`: first and last seen, first and last created. A dataset's rows without a created time have no file here
    when that is the clock."""
    first, last, *created = (microseconds(time) if time else 0 for time in times)
    low, high = (first, last) if search.clock == "seen" else created
    begin, end = max(low, first - ODD_US), min(high, last + ODD_US)
    if begin > end:
        begin, end = low, high
    if search.newest:
        return File(path, rows, low, high, begin, end)
    return File(path, rows, -high, -low, -end, -begin)


class Source:
    """All methods raise QueryTimeout after so many seconds, QueryTooLarge, and LakeUnusable when a file is missing or
    damaged."""

    def __init__(self, engine: Engine, root: Path) -> None:
        self.engine = engine
        self._root = root

    def narrowing(self, search: Search) -> Narrowing:
        return Narrowing(self._root, search)

    def absolute(self, paths: Sequence[str]) -> list[str]:
        return [f"{self._root}/{path}" for path in paths]

    def hits(
        self, search: Search, files: Sequence[File], low: int, high: Place, size: int, seconds: float
    ) -> list[Hit]:
        """The first `size` candidates from `high` down to the position `low`, hidden ones too, in the order asked."""
        sql, values = self.select(search, hits.select(search), files, low, high)
        with readable(seconds):
            rows = self.engine.rows(f"{sql} {ordered(search)} LIMIT {size:d}", values, seconds)
        return [hits.hit(search, row) for row in rows]

    def select(
        self, search: Search, columns: str, files: Sequence[File], low: int, high: Place
    ) -> tuple[str, dict[str, Any]]:
        """SELECT of the candidates between two places, and its values."""
        matching = condition(search.query, search.of, search.time)
        first, last = sorted((search.position(low), search.position(high.at)))
        relation, paths = self._relation(files)
        sql = f"""SELECT {columns} FROM {relation} AS row WHERE {matching.sql}
            AND {search.time} >= make_timestamp($first) AND {search.time} <= make_timestamp($last)
            AND seen <= make_timestamp($until)"""
        values = matching.values | paths | {"first": first, "last": last, "until": search.until_us}
        if high.after:
            sign = "<" if search.newest else ">"
            order = ", ".join(search.of.order)
            sql += f" AND (epoch_us({search.time}) <> $edge OR ({order}) {sign} ($did, $rkey, $version))"
            values |= {"edge": high.after.us, **high.after._asdict()}
            del values["us"]
        if not search.hide:
            sql += " AND (state IS DISTINCT FROM 'deleted' OR cid IS NOT NULL)"
        return sql, values

    def _relation(self, files: Sequence[File]) -> tuple[str, dict[str, Any]]:
        """What is read of the files, and its values. Row numbers stand in the text: only so are they compared with what
        Parquet says of its row groups."""
        whole = [file.path for file in files if file.picked is None]
        values: dict[str, Any] = {"files": self.absolute(whole)} if whole else {}
        parts = ["FROM read_parquet($files, hive_partitioning = false)"] if whole else []
        for number, file in enumerate(file for file in files if file.picked is not None):
            values[f"file{number}"] = self.absolute([file.path])
            rows = ", ".join(map(str, file.picked.tolist()))  # type: ignore[union-attr]
            parts.append(
                f"SELECT * EXCLUDE file_row_number FROM read_parquet($file{number}, hive_partitioning = false, "
                f"file_row_number = true) WHERE file_row_number IN ({rows})"
            )
        if len(parts) == 1 and whole:
            return "read_parquet($files, hive_partitioning = false)", values
        return f"({' UNION ALL BY NAME '.join(parts)})", values


def ordered(search: Search) -> str:
    way = "DESC" if search.newest else "ASC"
    return "ORDER BY " + ", ".join(f"{column} {way}" for column in (search.time, *search.of.order))


@contextmanager
def readable(seconds: float) -> Iterator[None]:
    """What DuckDB can't make rows of is a damaged file: all else was checked when it was written."""
    if seconds <= 0:  # which the engine takes for no limit
        raise QueryTimeout("The time limit was reached before the query began.")
    try:
        yield
    except Unreadable as error:
        raise LakeUnusable(f"The lake can't be read: {error}") from error
