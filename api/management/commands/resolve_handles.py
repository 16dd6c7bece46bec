"""`manage.py resolve_handles`: fills the store of handles from the buffer and from the AppView.

In this package, as it takes up requests of the admin, which are in the lake's catalog.
"""

import sqlite3
import time
from argparse import ArgumentParser
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.utils import DatabaseError

from ingest.buffer.redis_stream import Buffer
from ingest.handles.appview import AppView, HandleServiceDown, Refused
from ingest.handles.resolver import Resolver
from ingest.handles.store import Store
from lake.catalog.command_requests import answer, pending
from lake.errors import RequestRefused
from lake.models import Request
from process import heartbeats
from process.locks import only_one
from process.progress_bar import ProgressBar
from process.records import errors_counted
from process.signals import Stop

log = structlog.get_logger("resolve_handles")

NAME = "resolve_handles"
POLL_SECONDS = 0.5  # how often a buffer without new entries is read
ERRAND_SECONDS = 1.0  # how often the catalog is asked for requests of the admin
LOG_SECONDS = 10.0
REPLY_SECONDS = 4.0  # of Redis: within the 10 s in which we must stop
LOCK_SECONDS = 5.0
STEP_SECONDS = 30.0  # a step of the buffer, and one call of the AppView, both slow
MAX_FAILURES = 4  # in a row, with --once


class Command(BaseCommand):
    help = "Learns the handles of authors, from the buffer and from the AppView, until SIGTERM."
    requires_system_checks = ["ingest"]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="ask about all accounts in the queue, then exit")

    def handle(self, *args: Any, once: bool, **options: Any) -> None:
        stop = Stop().listen()
        with errors_counted("handles"), only_one(NAME, stop):
            if stop:
                return
            try:
                with nullcontext() if once else heartbeats.beating("handles"), ProgressBar("accounts") as bar:
                    Work(stop, once).run(bar)
            except sqlite3.Error as error:
                raise CommandError(
                    f"The handles' file {settings.HANDLES_PATH} can't be used ({error}): make its disk writable, or "
                    "stop all processes and delete it. It is filled again."
                ) from error


class Work:
    def __init__(self, stop: Stop, once: bool) -> None:
        self._stop, self._once = stop, once
        self._store = Store(settings.HANDLES_PATH, LOCK_SECONDS).create()
        appview = AppView(settings.APPVIEW_URL) if settings.APPVIEW_URL else None
        buffer = Buffer(settings.REDIS_URL, REPLY_SECONDS)
        self._resolver = Resolver(self._store, buffer, appview, lambda: bool(stop))
        self._logged_at, self._logged = time.monotonic(), (0, 0, 0)
        self._errands_at = 0.0
        if appview is None:
            log.info("APPVIEW_URL is empty: only handles in events are learned")

    def run(self, bar: ProgressBar) -> None:
        while not self._stop:
            heartbeats.beat("learns handles", STEP_SECONDS, appview_failures=self._resolver.appview_failures)
            self._errands()
            more = self._resolver.follow()
            asked = not self._stop and self._resolver.ask()
            if self._once:
                bar.show(self._resolver.asked, self._resolver.asked + self._store.figures().waiting)
            self._log()
            if self._once and self._over(more, asked):
                break
            if not more and not asked:
                self._stop.wait(min(POLL_SECONDS, self._resolver.idle_seconds or POLL_SECONDS))
        self._log(last=True)

    def _errands(self) -> None:
        """Handles that somebody wants to be looked up now. Without the catalog they wait, and all else goes on."""
        if time.monotonic() < self._errands_at:
            return
        self._errands_at = time.monotonic() + ERRAND_SECONDS
        with suppress(DatabaseError):
            for request in pending(Request.Kind.REFRESH_HANDLE):
                answer([request], partial(refreshed, self._resolver, request.arguments["account"]))

    def _over(self, more: bool, asked: bool) -> bool:
        if self._resolver.failures >= MAX_FAILURES:
            raise CommandError("Redis or the AppView does not answer, see above. Try again later.")
        return not more and not asked and self._resolver.failures == 0 and self._resolver.idle_seconds == 0.0

    def _log(self, last: bool = False) -> None:
        resolver = self._resolver
        now, counts = time.monotonic(), (resolver.read, resolver.learned, resolver.asked)
        if counts == self._logged or (now - self._logged_at < LOG_SECONDS and not last):
            return
        events, learned, asked = (new - old for new, old in zip(counts, self._logged, strict=True))
        figures = self._store.figures()
        log.info("handles", events=events, learned=learned, asked=asked, known=figures.known, waiting=figures.waiting)
        self._logged_at, self._logged = now, counts


def refreshed(resolver: Resolver, account: str) -> str:
    """What the AppView says of the account now, as a sentence. Raises RequestRefused."""
    try:
        found = resolver.refresh(account)
    except HandleServiceDown as error:
        raise RequestRefused(f"{error} Ask again later.") from error
    except Refused as error:
        raise RequestRefused(f"the AppView refuses {account}: {error}") from error
    if found is None:
        raise RequestRefused(f"the AppView knows no account @{account}")
    did, handle = found
    return f"{did} is @{handle}" if handle else f"{did} has no handle now"
