"""Tombstones and inactive accounts beside the files, in DuckDB: what counts and exports leave out row by row.

A copy in memory that is brought up to date before each use. A tombstone stays true for ever, so that one which has gone
from the catalog meanwhile does no harm here.
"""

import threading
from typing import Any, NamedTuple

import pyarrow as pa
from django.db import connection
from django.db.models import Count, Max

from lake.catalog import listing
from lake.models import InactiveAccount, Tombstone
from lake.query.spec import Search
from lake.search import hit
from lake.search.scan import Scanner
from lake.storage.duckdb_engine import Engine

ROWS_AT_ONCE = 50_000
SPARE_ROWS = 200_000  # of tombstones no longer in the catalog, before the copy is made anew

_COLUMNS = {"did": "VARCHAR", "collection": "VARCHAR", "rkey": "VARCHAR", "rev": "VARCHAR", "deleted": "BOOLEAN"} | {
    "seen": "TIMESTAMP"
}


class TombstoneCache:
    """Of one engine. Any number of threads may use it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._last: int | None = None
        self._rows = 0
        self._inactive: tuple[Any, ...] | None = None

    def refresh(self) -> None:
        """All that is committed when it begins is in the copy when it ends. The first time it takes some seconds a
        million tombstones."""
        with self._lock:
            newest = Tombstone.objects.aggregate(newest=Max("pk"))["newest"] or 0
            if newest != self._last:
                if self._last is None or self._rows > Tombstone.objects.count() + SPARE_ROWS:
                    self._begin_anew()
                else:
                    self._last, more = self._copied("tombstone", self._last)
                    self._rows += more
            self._copy_accounts()

    def _begin_anew(self) -> None:
        """Beside the old copy, which others read meanwhile."""
        columns = ", ".join(map(" ".join, _COLUMNS.items()))
        self._engine.run(f"CREATE OR REPLACE TABLE new_tombstone ({columns})")
        last, rows = self._copied("new_tombstone", 0)
        self._engine.run("BEGIN; DROP TABLE IF EXISTS tombstone; ALTER TABLE new_tombstone RENAME TO tombstone; COMMIT")
        self._last, self._rows = last, rows

    def _copied(self, table: str, last: int) -> tuple[int, int]:
        """Adds the tombstones after that id to the table: the last id, and how many they were."""
        sql = f"SELECT id, {', '.join(_COLUMNS)} FROM {Tombstone._meta.db_table} WHERE id > %s ORDER BY id"
        count = 0
        with connection.cursor() as cursor:
            cursor.execute(sql, [last])
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                ids, *columns = zip(*rows, strict=True)
                new = pa.table(dict(zip(_COLUMNS, columns, strict=True)))
                self._engine.run(f"INSERT INTO {table} FROM new", new=new)
                last, count = ids[-1], count + len(rows)
        return last, count

    def _copy_accounts(self) -> None:
        """Anew when one came (the latest time) or went (the number)."""
        now = tuple(InactiveAccount.objects.aggregate(Count("pk"), Max("learned_at")).values())
        if now != self._inactive:
            dids = pa.table({"did": pa.array(InactiveAccount.objects.values_list("did", flat=True), pa.string())})
            self._engine.run("CREATE OR REPLACE TABLE inactive_account AS FROM dids", dids=dids)
            self._inactive = now


class Visible(NamedTuple):
    """SQL that is true of a `row` that may show, over the copy's tables, its values, and the paths that it reads."""

    sql: str
    values: dict[str, Any]
    paths: list[str]


def visible(search: Search, source: Scanner) -> Visible:
    if not search.hide:
        return Visible("true", {}, [])
    dead, values, paths = _deletes(search, source) if search.of.subject else Visible(_tombstones(search), {}, [])
    sql = f"""(state IS NULL OR state = 'superseded' AND state_seen > make_timestamp($until))
        AND NOT EXISTS (FROM inactive_account AS account WHERE account.did = row.did) AND NOT EXISTS ({dead})"""
    return Visible(sql, values | {"until": search.snapshot_us}, paths)


def _tombstones(search: Search) -> str:
    return f"""FROM tombstone WHERE tombstone.did = row.did AND tombstone.rkey = row.rkey AND tombstone.rev > row.rev
            AND tombstone.collection = {hit.collection_sql(search.of)}
            AND (deleted OR tombstone.seen <= make_timestamp($until))"""


def _deletes(search: Search, source: Scanner) -> Visible:
    """Likes, reposts, follows and blocks have no tombstones: their deletes are in the lake."""
    start = search.start if search.clock == "seen" else None
    paths = listing.paths_since("deletes", start)
    if not paths:
        return Visible("SELECT 1 WHERE false", {}, [])
    return Visible(
        """FROM read_parquet($deletes, hive_partitioning = false) AS tombstone
            WHERE collection = $collection AND tombstone.did = row.did AND tombstone.rkey = row.rkey
            AND tombstone.rev > row.rev""",
        {"deletes": source.absolute(paths), "collection": search.of.collection},
        paths,
    )
