"""Handles for those who show or search posts: what the store knows, and one question to the AppView where it must be.

A handle is for show: without the store, or while it is locked, all else goes on.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self, TypeVar

import structlog
from django.conf import settings

from ingest.handles.appview import AppView
from ingest.handles.appview_replies import Outcome
from ingest.handles.store import FIRST, LONGEST_DID, Figures, Store
from ingest.identifiers import is_did, normalize_handle
from process.instants import now_us

log = structlog.get_logger("handles")

STALE_US = 7 * 24 * 3600 * 1_000_000  # a handle is asked for again when nothing was heard of it for so long
LOCK_SECONDS = 0.2  # that a page waits for the file
WANTED_AT_ONCE = 1_000  # a page has 50, a caller that passes more must not wait for them
REMEMBER_SECONDS = 300.0  # what the AppView said of a handle
REMEMBERED = 10_000  # handles, at about 200 bytes each

T = TypeVar("T")


class Handles:
    """For all threads of a process. `appview`: None while APPVIEW_URL is empty, then nobody is asked."""

    def __init__(self, path: Path, appview: AppView | None) -> None:
        self._path, self._appview = path, appview
        self._store = Store(path, LOCK_SECONDS)
        self._resolved: dict[str, tuple[str | None, float]] = {}
        self._lock = threading.Lock()
        self._well = True

    @classmethod
    def of_settings(cls) -> Self:
        return cls(settings.HANDLES_PATH, AppView(settings.APPVIEW_URL) if settings.APPVIEW_URL else None)

    def names(self, dids: Sequence[str]) -> dict[str, str]:
        """The handles of those whose handle is known. Never raises."""
        return self._trying(lambda: self._store.names(list(set(dids))), {})

    def did_of(self, handle: str) -> str | None:
        """Who has this handle as far as is known here; in any case, with or without @. Never raises."""
        name = normalize_handle(handle)
        return None if name is None else self._trying(lambda: self._store.did_of(name), None)

    def want(self, dids: Sequence[str]) -> None:
        """Has those asked first of whom nothing is known, or nothing lately: somebody looks at them. Never raises."""
        if self._appview is not None:
            self._trying(lambda: self._want(dids[:WANTED_AT_ONCE]), None)

    def resolve(self, handle: str) -> str | None:
        """Who has this handle, as is known here or as the AppView says; None: nobody.

        Raises HandleServiceDown when the AppView must be asked and does not answer within seconds."""
        name = normalize_handle(handle)
        if name is None:
            return None
        known = self.did_of(name)
        return known if known is not None or self._appview is None else self._ask(name, self._appview)

    def figures(self) -> Figures:
        """Zeros where nothing is known. Never raises."""
        nothing = Figures(0, 0, None, {})
        found = self._trying(self._store.figures, nothing) if self._path.exists() else nothing
        return found._replace(calls={str(outcome): found.calls.get(outcome, 0) for outcome in Outcome})

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
            while len(self._resolved) >= REMEMBERED:
                del self._resolved[next(iter(self._resolved))]
            self._resolved[name] = did, time.monotonic() + REMEMBER_SECONDS
        # The store does not take it as a claim: anybody's domain may name anybody's DID. getProfiles knows both ways.
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
        """Says once that it does not work, and once more when it worked in between."""
        try:
            result = work()
        except (sqlite3.Error, ValueError) as error:  # ValueError: a string that is no Unicode
            if self._well:
                log.warning("handles are not to be had", file=str(self._path), error=str(error))
            self._well = False
            return otherwise
        self._well = True
        return result
