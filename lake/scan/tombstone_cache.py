"""In-memory copy of the tombstones and inactive accounts, in DuckDB, that counts and exports anti-join.

It is brought up to date before each use. A tombstone stays true for ever: one that has left the catalog does no harm.
"""

import threading
from typing import Any

import pyarrow as pa
from django.db import connection
from django.db.models import Count, Max

from lake.models import InactiveAccount, Tombstone
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
