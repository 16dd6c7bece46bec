"""Tombstones and deleted accounts on their way into the files: which files they touch, when they are needed no more.

A tombstone is applied when every compacted file shows it. It stays for some days more, for rows that come late.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from django.db import connection

from lake.catalog import listing
from lake.catalog.listing import ListedFile
from lake.compact.plan import PartitionKey
from lake.errors import Stopped
from lake.models import InactiveAccount, Tombstone
from lake.schema import DATASETS, STATEFUL
from lake.storage.duckdb_engine import Engine

# A version may come after its delete: a host replays 36 h. Until it is in a compacted file, a day later at most, its
# tombstone must be there. For what comes later than catalog.LATE the flusher makes tombstones anew, from the lake.
KEPT = listing.LATE + timedelta(days=2)
ROWS_AT_ONCE = 50_000  # also of one write to the catalog, so that the flusher never waits long
DIDS_AT_ONCE = 5_000  # SQLite takes 32,766 values
FILES_AT_ONCE = 64
DELETED_ACCOUNT = "deleted"

_TEXTS = {name: (name, "VARCHAR") for name in ("did", "collection", "rkey", "rev")}
_APPLIED = {"applied": ("applied_at IS NOT NULL", "BOOLEAN")}
_TOMBSTONE = _TEXTS | {"deleted": ("deleted", "BOOLEAN"), "seen": ("seen", "TIMESTAMP")} | _APPLIED
_ACCOUNT = {"did": ("did", "VARCHAR"), "seen": ("learned_at", "TIMESTAMP")} | _APPLIED
_TOUCHED = """
    SELECT DISTINCT filename FROM read_parquet($1, hive_partitioning = false, filename = true) AS s
    WHERE state IS DISTINCT FROM 'deleted' AND (
        EXISTS (FROM tombstone AS t WHERE NOT t.applied AND t.did = s.did AND t.rkey = s.rkey AND t.rev > s.rev
            AND t.collection = {collection} AND (t.deleted OR s.state IS NULL))
        OR EXISTS (FROM deleted_account AS a WHERE NOT a.applied AND a.did = s.did))
"""


class Deletions:
    """The catalog's tombstones and deleted accounts as of one moment: the engine's tables `tombstone` and
    `deleted_account`. `scratch`: a folder of our own for them; memory would not hold some days of them."""

    def __init__(self, engine: Engine, scratch: Path) -> None:
        self._engine = engine
        self._scratch = scratch / "deletions"
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(parents=True)
        self._last = Tombstone.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        self._copy("tombstone", _TOMBSTONE, Tombstone._meta.db_table, "id <= %s", self._last)
        self._copy("deleted_account", _ACCOUNT, InactiveAccount._meta.db_table, "status = %s", DELETED_ACCOUNT)
        self._accounts = [did for (did,) in engine.rows("SELECT did FROM deleted_account WHERE NOT applied")]

    def _copy(self, name: str, columns: dict[str, tuple[str, str]], table: str, condition: str, value: Any) -> None:
        """`columns`: by name what they are in the catalog's table, and their type."""
        folder = str(self._scratch).replace("'", "''")
        cast = ", ".join(f"{column}::{type_} AS {column}" for column, (_, type_) in columns.items())
        sql = f"SELECT {', '.join(source for source, _ in columns.values())} FROM {table} WHERE {condition}"
        for number, rows in enumerate(_parts(sql, value)):
            values = list(zip(*rows, strict=True)) or [()] * len(columns)
            new = pa.table(dict(zip(columns, map(pa.array, values), strict=True)))
            self._engine.run(f"COPY (SELECT {cast} FROM new) TO '{folder}/{name}-{number}.parquet'", new=new)
        self._engine.run(f"CREATE OR REPLACE VIEW {name} AS FROM read_parquet('{folder}/{name}-*.parquet')")

    def touched(self, root: Path, files: Sequence[ListedFile], stop: Callable[[], bool]) -> set[PartitionKey]:
        """Partitions whose compacted files hold rows that these make deleted or superseded and that don't show it yet.
        Of the files only the key columns are read. Raises Stopped."""
        compacted = [file for file in files if file.dataset in STATEFUL and file.compacted]
        found: set[PartitionKey] = set()
        for dataset in STATEFUL:
            own = {str(root / file.path): file for file in compacted if file.dataset == dataset}
            collection = DATASETS[dataset].collection
            sql = _TOUCHED.format(collection=f"'{collection}'" if collection else "s.collection")
            paths = list(own)
            for start in range(0, len(paths), FILES_AT_ONCE):
                if stop():
                    raise Stopped
                for (path,) in self._engine.rows(sql, [paths[start : start + FILES_AT_ONCE]]):
                    found.add((dataset, own[path].hour))
        return found

    def set_applied(self, now: datetime) -> int:
        """To be called when every partition that was touched is rewritten; the number of tombstones."""
        done = 0
        waiting = Tombstone.objects.filter(applied_at=None)
        first = waiting.order_by("pk").values_list("pk", flat=True).first() or self._last
        for start in range(first, self._last + 1, ROWS_AT_ONCE):
            last = min(start + ROWS_AT_ONCE - 1, self._last)
            done += waiting.filter(pk__gte=start, pk__lte=last).update(applied_at=now)
        for start in range(0, len(self._accounts), DIDS_AT_ONCE):
            dids = self._accounts[start : start + DIDS_AT_ONCE]
            InactiveAccount.objects.filter(did__in=dids, status=DELETED_ACCOUNT).update(applied_at=now)
        return done


def _parts(sql: str, value: Any) -> Iterator[Sequence[tuple[Any, ...]]]:
    """The rows in parts, at least an empty one."""
    with connection.cursor() as cursor:
        cursor.execute(sql, [value])
        yield cursor.fetchmany(ROWS_AT_ONCE)
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            yield rows


def remove_expired(now: datetime) -> int:
    """Removes the tombstones that nothing can need any more; how many."""
    old = Tombstone.objects.filter(applied_at__lt=now - KEPT, seen__lt=now - KEPT)
    removed = 0
    while part := Tombstone.objects.filter(pk__in=old.values("pk")[:ROWS_AT_ONCE]).delete()[0]:
        removed += part
    return removed


def oldest_unapplied() -> datetime | None:
    """When the first of those was seen that wait to be applied."""
    waiting = Tombstone.objects.filter(applied_at=None).order_by("pk")
    return waiting.values_list("seen", flat=True).first()
