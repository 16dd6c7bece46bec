"""Rows of one lake's files, as DuckDB reads them. Values never enter the text of a query."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lake.errors import LakeUnusable, QueryTimeout
from lake.query.spec import ResumePoint, Search
from lake.query.sql import compile_query
from lake.schema import DATASETS
from lake.search import hit as search_hit
from lake.search.hit import Hit
from lake.search.index_pruning import IndexPruner
from lake.search.snapshot import ScanFile
from lake.storage import row_reader
from lake.storage.duckdb_engine import Engine, Unreadable
from lake.textindex.postings import DocIds

FEWEST_PICKS = 10  # rows by their number that are read at once: two at a time take as long as one


class Scanner:
    """All methods raise QueryTimeout after so many seconds, QueryTooLarge, and LakeUnusable when a file is missing or
    damaged."""

    def __init__(self, engine: Engine, root: Path) -> None:
        self.engine = engine
        self._root = root

    def narrowing(self, search: Search, cost: int) -> IndexPruner:
        return IndexPruner(self._root, search, cost)

    def absolute(self, paths: Sequence[str]) -> list[str]:
        return [f"{self._root}/{path}" for path in paths]

    def hits(
        self, search: Search, files: Sequence[ScanFile], low: int, high: ResumePoint, size: int, seconds: float
    ) -> list[Hit]:
        """The first `size` candidates from `high` down to the position `low`, hidden ones too, in the order asked. Of
        rows that an index names, only as many are read as it takes."""
        deadline = monotonic() + seconds
        picked = [file for file in files if file.picked is not None]
        whole = [file for file in files if file.picked is None]
        found = self._hits(search, whole, low, high, size, seconds) if whole else []
        named: list[Hit] = []
        order = self._in_order(search, picked, low, high, deadline - monotonic()) if picked else None
        taken, more = 0, size
        while order and len(named) < size:
            part = order.take(more)
            named += self._hits(search, part, low, high, size - len(named), deadline - monotonic())
            taken += more
            # As many as should do it, going by how many of those that the index named do match.
            more = min(4 * taken, max(FEWEST_PICKS, taken * (size - len(named)) // max(1, len(named))))
        return sorted(found + named, key=lambda hit: hit.key, reverse=search.newest)[:size] if named else found

    def _hits(
        self, search: Search, files: Sequence[ScanFile], low: int, high: ResumePoint, size: int, seconds: float
    ) -> list[Hit]:
        sql, values = self.select(search, search_hit.select_list(search), files, low, high)
        rows = self.rows(f"{sql} {order_by(search)} LIMIT {size:d}", values, files, seconds)
        return [search_hit.to_hit(search, row) for row in rows]

    def select(
        self, search: Search, columns: str, files: Sequence[ScanFile], low: int, high: ResumePoint
    ) -> tuple[str, dict[str, Any]]:
        """SELECT of the candidates between two places, and its values: for `rows` and `table`, with the same files."""
        matching = compile_query(search.query, search.of, search.time)
        first, last = (low, high.at) if search.newest else (-high.at, -low)
        whole = self.absolute([file.path for file in files if file.picked is None])
        paths = {"files": whole} if whole else {}
        relation = _relation(bool(whole), len(whole) < len(files))
        sql = f"""SELECT {columns} FROM {relation} AS row WHERE {matching.sql}
            AND {search.time} >= make_timestamp($first) AND {search.time} <= make_timestamp($last)
            AND seen <= make_timestamp($until)"""
        values = matching.values | paths | {"first": first, "last": last, "until": search.snapshot_us}
        if high.after:
            sign = "<" if search.newest else ">"
            order = ", ".join(search.of.order)
            sql += f" AND (epoch_us({search.time}) <> $edge OR ({order}) {sign} ($did, $rkey, $version))"
            values |= {"edge": high.after.us, **high.after._asdict()}
            del values["us"]
        if not search.hide:
            sql += " AND (state IS DISTINCT FROM 'deleted' OR cid IS NOT NULL)"
        return sql, values

    def rows(
        self, sql: str, values: Mapping[str, Any], files: Sequence[ScanFile], seconds: float
    ) -> list[tuple[Any, ...]]:
        """Of a statement around a `select` of these files."""
        picked, left = self._picked(sql, files, seconds)
        with readable(left):
            return self.engine.rows(sql, values, left, **picked)

    def table(self, sql: str, values: Mapping[str, Any], files: Sequence[ScanFile], seconds: float) -> Any:
        """The same as one Arrow table."""
        picked, left = self._picked(sql, files, seconds)
        with readable(left):
            return self.engine.table(sql, values, left, **picked)

    def _picked(self, sql: str, files: Sequence[ScanFile], seconds: float) -> tuple[dict[str, Any], float]:
        """The picked rows with the columns that the statement names, and the seconds that are left for it."""
        if not (picks := self._picks(files)):
            return {}, seconds
        deadline, words = monotonic() + seconds, set(re.findall(r"\w+", sql))
        names = [name for name in DATASETS["posts"].names if name in words]
        return {"picked": row_reader.read_rows(picks, names, self.engine.threads, seconds)}, deadline - monotonic()

    def _picks(self, files: Sequence[ScanFile]) -> list[tuple[Path, DocIds]]:
        return [(self._root / file.path, file.picked) for file in files if file.picked is not None]

    def _in_order(
        self, search: Search, files: Sequence[ScanFile], low: int, high: ResumePoint, seconds: float
    ) -> "_Order":
        """The picked rows between two places."""
        times = row_reader.read_times(self._picks(files), search.time, self.engine.threads, seconds)
        at = np.concatenate([search.position(1) * found for found in times])
        return _Order(files, at, low, high.at)


class _Order:
    """Picked rows from the position `high` down to `low`, to be taken from the highest on."""

    def __init__(self, files: Sequence[ScanFile], at: NDArray[np.int64], low: int, high: int) -> None:
        """`at`: the positions of all rows of all files."""
        self._files = files
        self._file = np.repeat(np.arange(len(files)), [len(_rows(file)) for file in files])
        self._row = np.concatenate([_rows(file) for file in files])
        self._at = at
        inside = np.flatnonzero((at >= low) & (at <= high))
        self._left = inside[np.argsort(-at[inside], kind="stable")]

    def __len__(self) -> int:
        return len(self._left)

    def take(self, size: int) -> list[ScanFile]:
        """The next so many rows, and those of the same time as the last: their order is not known yet."""
        if size < len(self._left):
            size = int(np.searchsorted(-self._at[self._left], -self._at[self._left[size - 1]], side="right"))
        taken, self._left = self._left[:size], self._left[size:]
        files, rows = self._file[taken], self._row[taken]
        return [self._files[file]._replace(picked=np.sort(rows[files == file])) for file in np.unique(files)]


def _rows(file: ScanFile) -> DocIds:
    assert file.picked is not None
    return file.picked


def _relation(whole: bool, picked: bool) -> str:
    """What is read: files from one end to the other, and the rows that were picked of others."""
    read = "read_parquet($files, hive_partitioning = false)"
    if whole and picked:
        return f"(FROM {read} UNION ALL BY NAME FROM picked)"
    return read if whole else "picked"


def order_by(search: Search) -> str:
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
