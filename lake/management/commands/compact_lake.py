"""Compacts closed hours, applies deletions, expires old hours, sweeps superseded files."""

import os
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.utils import DatabaseError

from lake import checks, metrics
from lake.catalog.command_requests import answer, delegate, pending
from lake.compact.compactor import DAILY, Compactor, last_daily_pass
from lake.errors import Interrupted, catalog_advice
from lake.flags.store import flags
from lake.labels.waiting import Joiner
from lake.labels.writer import LOCK
from lake.models import Request
from lake.storage import layout
from lake.storage.duckdb_engine import Engine
from lake.verify.files import verify_files
from process import heartbeats
from process.locks import only_one, take
from process.metrics import serve_metrics
from process.progress_bar import ProgressBar
from process.records import errors_counted
from process.signals import Stop

NAME = "compact_lake"
JOIN_MEMORY = "200MB"  # DuckDB's share
POLL_SECONDS = 1.0  # between two looks at requests of the admin
ROUND_SECONDS = 15.0  # between two rounds
EXIT_SECONDS = 8.0  # after SIGTERM
ERRANDS = (Request.Kind.COMPACT_HOUR, Request.Kind.VERIFY_FILES)
CATALOG_SECONDS = 30 + heartbeats.PATIENCE_SECONDS  # a locked catalog keeps it waiting


class Command(BaseCommand):
    help = "Compacts, purges, expires and sweeps, until SIGTERM; with --once does all that is due and ends."
    requires_system_checks = [checks.TAG]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="do all that is due and exit; asks a running one to")
        parser.add_argument("--dry-run", action="store_true", help="say what --once would do, and change nothing")

    def handle(self, *args: Any, once: bool, dry_run: bool, **options: Any) -> None:
        stop = Stop().listen()
        try:
            if dry_run:
                with tempfile.TemporaryDirectory(prefix="compact_lake-") as folder:
                    for line in compactor(stop, Path(folder)).would_do(flags().purge_deleted):
                        self.stdout.write(line)
            elif not (once and delegate(NAME, Request.Kind.COMPACT, stop)):
                self._run(stop, once)
        except DatabaseError as error:
            raise CommandError(f"The catalog can't be used ({error}): {catalog_advice(error)}.") from error

    def _run(self, stop: Stop, once: bool) -> None:
        with errors_counted("compactor"), only_one(NAME, stop):
            if stop:
                return
            # A stop takes effect between row groups. To sort a large hour or to merge the indexes of a day may take
            # longer than the 10 s of a stop: then the process exits, and the next start cleans up as after a kill.
            stop.call_later(EXIT_SECONDS, lambda: os._exit(0))
            worker = compactor(stop, settings.LAKE_ROOT / layout.SCRATCH)
            if once:
                worker.prepare()
                with ProgressBar("files") as bar:
                    worker.round(daily=True, patient=False, purge=flags().purge_deleted, progress=bar.show)
                return
            with heartbeats.beating("compactor"):
                heartbeats.work("looks at the lake")
                worker.prepare()
                serve_metrics("METRICS_PORT_COMPACTOR", metrics.COMPACTOR + metrics.WRITERS)
                joiner = Joiner(Engine(JOIN_MEMORY, settings.QUERY_THREADS), settings.LAKE_ROOT)
                loop(stop, worker.round, partial(serve, stop, worker), partial(join_labels, joiner))


def compactor(stop: Stop, scratch: Path) -> Compactor:
    return Compactor(
        settings.LAKE_ROOT,
        scratch,
        settings.QUERY_THREADS,
        settings.COMPACT_AFTER_SECONDS,
        settings.SWEEP_GRACE_SECONDS,
        lambda: bool(stop),
    )


def serve(stop: Stop, worker: Compactor) -> None:
    """Does what was asked for in the admin, one after the other."""
    for request in pending(*ERRANDS):
        if not stop:
            answer([request], partial(_errand, stop, worker, request))


def join_labels(joiner: Joiner) -> None:
    """Unless nothing waits, or another process writes labels."""
    with ExitStack() as held:
        if joiner.due() and take(held, LOCK):
            heartbeats.work("joins labels to their posts")
            joiner.run()


def _errand(stop: Stop, worker: Compactor, request: Request) -> str | None:
    asked = request.arguments
    if request.kind == Request.Kind.VERIFY_FILES:
        return verify_files(settings.LAKE_ROOT, asked["files"], settings.QUERY_THREADS, lambda: bool(stop))
    return worker.compact_hour(asked["dataset"], datetime.fromisoformat(asked["hour"]), flags().purge_deleted)


def loop(stop: Stop, round_: Callable[..., int], *errands: Callable[[], None]) -> None:
    """A round every ROUND_SECONDS; with the daily pass when that is due, and at once on request. `errands`: what else
    there is to do."""
    due, last_pass = 0.0, last_daily_pass()
    while not stop:
        heartbeats.beat("waits for work", CATALOG_SECONDS)
        for errand in errands:
            errand()
        requests = pending(Request.Kind.COMPACT)
        daily = bool(requests) or time.time() >= last_pass + DAILY.total_seconds()
        if daily or time.monotonic() >= due:
            started = time.time()
            if requests:
                done = answer(requests, partial(_pass, stop, round_, patient=False))
            else:
                done = _pass(stop, round_, daily=daily) is not None
            if daily and done:
                last_pass = started
            due = time.monotonic() + ROUND_SECONDS
        stop.wait(POLL_SECONDS)


def _pass(stop: Stop, round_: Callable[..., int], daily: bool = True, patient: bool = True) -> str | None:
    """None: a stop or an errand came first, so that it is due again."""
    heartbeats.work("looks for work")
    with suppress(Interrupted):
        written = round_(
            daily=daily, patient=patient, purge=flags().purge_deleted, pause=lambda: bool(pending(*ERRANDS))
        )
        return None if stop else f"{written:,} files written"
    return None
