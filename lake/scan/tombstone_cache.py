"""In-memory copy of the tombstones, and of the accounts that do not show, in DuckDB, that counts and exports anti-join.

It is brought up to date before each use. A tombstone stays true for ever: one that has left the catalog does no harm.
"""

import threading
from collections.abc import Iterable
from typing import Any

from django.db.models import Count, Max

from lake.catalog import tombstone_rows
from lake.models import InactiveAccount, Tombstone
from lake.query.spec import OPTED_OUT, SIGNED_IN_ONLY
from lake.storage.duckdb_engine import Engine
from lake.withheld_models import OptOut, SignedInOnlyAccount

SPARE_ROWS = 200_000  # of tombstones no longer in the catalog, before the copy is made anew


_CHANGED = f"""
    BEGIN;
    DELETE FROM {SIGNED_IN_ONLY} WHERE did IN (SELECT did FROM new);
    INSERT INTO {SIGNED_IN_ONLY} SELECT did FROM new WHERE asks;
    COMMIT"""


class TombstoneCache:
    """Of one engine. Any number of threads may use it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._last: int | None = None
        self._rows = 0
        self._inactive: tuple[Any, ...] | None = None
        self._opted_out: tuple[Any, ...] | None = None
        self._profiles: int | None = None

    def refresh(self) -> None:
        """All that is committed when it begins is in the copy when it ends. The first time it takes some seconds a
        million tombstones."""
        with self._lock:
            newest = tombstone_rows.newest_id()
            if newest != self._last:
                if self._last is None or self._rows > Tombstone.objects.count() + SPARE_ROWS:
                    self._replace(newest)
                else:
                    self._rows += self._append("tombstone", self._last, newest)
                self._last = newest
            self._copy_accounts()
            self._copy_opt_outs()
            self._copy_profiles()

    def _replace(self, newest: int) -> None:
        """Beside the old copy, which others read meanwhile."""
        empty = tombstone_rows.TOMBSTONE.empty_table()
        self._engine.run("CREATE OR REPLACE TABLE new_tombstone AS FROM empty", empty=empty)
        self._rows = self._append("new_tombstone", 0, newest)
        self._rename("new_tombstone", "tombstone")

    def _append(self, table: str, after: int, up_to: int) -> int:
        """Adds the tombstones of these ids; how many."""
        count = 0
        for new in tombstone_rows.tombstones(after, up_to):
            self._engine.run(f"INSERT INTO {table} FROM new", new=new)
            count += new.num_rows
        return count

    def _rename(self, new: str, name: str) -> None:
        self._engine.run(f"BEGIN; DROP TABLE IF EXISTS {name}; ALTER TABLE {new} RENAME TO {name}; COMMIT")

    def _copy_accounts(self) -> None:
        """Anew when one came (the latest time) or went (the number)."""
        now = tuple(InactiveAccount.objects.aggregate(Count("pk"), Max("learned_at")).values())
        if now != self._inactive:
            self._engine.run("CREATE OR REPLACE TABLE new_account (did VARCHAR, learned TIMESTAMP)")
            for new in tombstone_rows.inactive_accounts():
                self._engine.run("INSERT INTO new_account SELECT did, learned_at FROM new", new=new)
            self._rename("new_account", "inactive_account")
            self._inactive = now

    def _copy_opt_outs(self) -> None:
        """The same; ids only grow."""
        now = tuple(OptOut.objects.aggregate(Count("pk"), Max("pk")).values())
        if now != self._opted_out:
            self._copy(OPTED_OUT, tombstone_rows.opted_out_accounts())
            self._opted_out = now

    def _copy(self, name: str, tables: Iterable[Any]) -> None:
        self._engine.run("CREATE OR REPLACE TABLE new_account (did VARCHAR)")
        for new in tables:
            self._engine.run("INSERT INTO new_account SELECT did FROM new", new=new)
        self._rename("new_account", name)

    def _copy_profiles(self) -> None:
        """What has changed. Of the network's accounts every tenth asks."""
        newest = SignedInOnlyAccount.objects.aggregate(Max("pk"))["pk__max"] or 0
        if self._profiles is None:
            self._copy(SIGNED_IN_ONLY, ())
        if newest != self._profiles:
            for new in tombstone_rows.profile_states(self._profiles or 0, newest):
                self._engine.run(_CHANGED, new=new)
            self._profiles = newest
