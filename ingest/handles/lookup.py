"""Handles for pages, exports and searches: from the store, and by one call to the AppView where a search needs it.

Handles are decoration: when the store is missing or locked, everything else works without them.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Self, TypeVar

import structlog
from django.conf import settings

from ingest.handles.appview import AppView, HandleServiceDown
from ingest.handles.appview_replies import Outcome
from ingest.handles.store import FIRST, LONGEST_DID, Figures, Store
from ingest.identifiers import is_did, normalize_handle
from process.instants import now_us

log = structlog.get_logger("handles")

STALE_US = 7 * 24 * 3600 * 1_000_000  # a handle that was last confirmed longer ago is asked for again
LOCK_SECONDS = 0.2  # for which a page waits for the file
WANTED_AT_ONCE = 1_000  # a page has 50; a caller with more must not wait for all of them
CACHE_SECONDS = 300.0  # for which an answer of the AppView is used again
CACHED = 10_000  # answers, at about 200 bytes each

T = TypeVar("T")


class Handles:
    """Thread-safe. `appview`: None if APPVIEW_URL is empty; then only the store is used."""

    def __init__(self, path: Path, appview: AppView | None) -> None:
        self._path, self._appview = path, appview
        self._store = Store(path, LOCK_SECONDS)
        self._resolved: dict[str, tuple[str | None, float]] = {}
        self._lock = threading.Lock()
        self._well = True

    @classmethod
    def of_settings(cls) -> Self:
        return cls(settings.HANDLES_PATH, AppView(settings.APPVIEW_URL) if settings.APPVIEW_URL else None)

    @property
    def asks(self) -> bool:
        """Whether an AppView is asked for handles that the store does not know."""
        return self._appview is not None

    def names(self, dids: Sequence[str]) -> dict[str, str]:
        """The known handles, by DID. Never raises."""
        return self._trying(lambda: self._store.names(list(set(dids))), {})

    def names_until(self, us: int, dids: Sequence[str]) -> dict[str, str]:
        """Those that were known then: the same whenever it is asked, but for accounts whose handle has changed since.
        Never raises."""
        until = self._trying(lambda: self._store.names_until(list(set(dids)), us), None)
        return self.names(dids) if until is None else until  # a file of an older version does not tell

    def did_of(self, handle: str) -> str | None:
        """The DID with this handle, as far as the store knows; any case, with or without @. Never raises."""
        name = normalize_handle(handle)
        return None if name is None else self._trying(lambda: self._store.did_of(name), None)

    def dids(self, handles: Collection[str]) -> dict[str, str]:
        """The DIDs of those handles, in their normal form, that are known. Raises HandleServiceDown if the store can't
        be read: none is taken for unknown."""
        if not self._path.exists():
            return {}
        try:
            return self._store.dids(list(handles))
        except sqlite3.Error as error:
            raise HandleServiceDown(f"The handles' file can't be read ({error}).") from error

    def want(self, dids: Sequence[str]) -> None:
        """Puts those without a fresh handle at the head of the queue: they are on a page. Never raises."""
        if self._appview is not None:
            self._trying(lambda: self._want(dids[:WANTED_AT_ONCE]), None)

    def resolve(self, handle: str) -> str | None:
        """The DID with this handle, from the store or else from the AppView; None if there is none.

        Raises HandleServiceDown when the AppView is needed and does not answer within seconds."""
        name = normalize_handle(handle)
        if name is None:
            return None
        known = self.did_of(name)
        return known if known is not None or self._appview is None else self._ask(name, self._appview)

    def figures(self) -> Figures:
        """Zeros without a store. Never raises."""
        none = Figures(0, 0, None, 0, {})
        figures = self._trying(self._store.figures, none) if self._path.exists() else none
        return figures._replace(calls={str(outcome): figures.calls.get(outcome, 0) for outcome in Outcome})

    def _ask(self, name: str, appview: AppView) -> str | None:
        did, until = self._resolved.get(name, (None, 0.0))
        if time.monotonic() < until:
            return did
        try:
            did = appview.did(name)
        finally:
            calls = appview.take_calls()
            self._trying(lambda: self._count(calls), None)
        with self._lock:
            while len(self._resolved) >= CACHED:
                del self._resolved[next(iter(self._resolved))]
            self._resolved[name] = did, time.monotonic() + CACHE_SECONDS
        # Not a claim for the store: any domain may name any DID. getProfiles checks both directions.
        if did is not None:
            self.want([did])
        return did

    def _want(self, dids: Sequence[str]) -> None:
        now = now_us()
        self._store.create_if_missing()
        fresh = self._store.fresh(dids, now - STALE_US)
        if wanted := [did for did in dids if did not in fresh and is_did(did, LONGEST_DID)]:
            with self._store.transaction():
                self._store.wait(wanted, FIRST, now)

    def _count(self, calls: dict[str, int]) -> None:
        with self._store.transaction():
            self._store.count(calls)

    def _trying(self, work: Callable[[], T], otherwise: T) -> T:
        """What `work` returns, or `otherwise` when it fails. Logs the first failure of a series."""
        try:
            result = work()
        except (sqlite3.Error, ValueError) as error:  # ValueError: a lone surrogate
            if self._well:
                log.warning("handles are not available", file=str(self._path), error=str(error))
            self._well = False
            return otherwise
        self._well = True
        return result
