"""Buffer to lake, every FLUSH_INTERVAL_SECONDS or sooner when full."""

import gc
import threading
import time
from argparse import ArgumentParser
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ingest.buffer.redis_stream import Buffer, BufferFull, BufferUnavailable, BufferUnsafe
from lake import checks
from lake.catalog.command_requests import complete, delegate, pending
from lake.errors import LakeError
from lake.flush import metrics
from lake.flush.flusher import Flusher
from lake.models import Request
from process.locks import only_one
from process.metrics_server import serve_metrics
from process.signals import Stop

log = structlog.get_logger("flush_buffer")

NAME = "flush_buffer"
LOOK_SECONDS = 0.5  # how often the loop looks at the depth, and at what the admin asks for
MAX_DELAY = 5.0
LAST_ANSWER_SECONDS = 4.0  # what Redis may take to answer once we are asked to stop


class Command(BaseCommand):
    help = "Writes the buffer's events into the lake, until SIGTERM; with --once empties the buffer and ends."
    requires_system_checks = [checks.TAG, "ingest"]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="empty the buffer and exit; asks a running flusher to")

    def handle(self, *args: Any, once: bool, **options: Any) -> None:
        stop = Stop().listen()
        if once and delegate(NAME, Request.Kind.FLUSH, stop):
            return
        with only_one(NAME, stop):
            if stop:
                return
            try:
                self._work(stop, once)
            except (LakeError, BufferUnsafe) as error:
                raise CommandError(str(error)) from error

    def _work(self, stop: Stop, once: bool) -> None:
        # A chunk is hundreds of thousands of small lists without cycles; by default the collector walks them again and
        # again, 6 % of the flusher's CPU.
        gc.set_threshold(100_000, 50, 100)
        buffer = Buffer(settings.REDIS_URL)
        stop.call(lambda: hang_up_later(buffer))
        flusher = Flusher(buffer, settings.LAKE_ROOT, settings.FLUSH_MAX_EVENTS, settings.QUERY_THREADS)
        flusher.prepare()
        if once:
            with_redis(stop, buffer, lambda: flusher.flush(lambda: bool(stop)))
        else:
            serve_metrics("METRICS_PORT_FLUSHER")
            with_redis(stop, buffer, lambda: loop(stop, buffer, flusher))


def hang_up_later(buffer: Buffer) -> None:
    """A Redis that does not answer must not keep us from stopping."""
    timer = threading.Timer(LAST_ANSWER_SECONDS, buffer.hang_up)
    timer.daemon = True
    timer.start()


def with_redis(stop: Stop, buffer: Buffer, work: Any) -> None:
    """Does the work, from the start again whenever Redis went away: it may come back with other entries."""
    delay = LOOK_SECONDS
    while not stop:
        try:
            buffer.connect()
            delay = LOOK_SECONDS
            work()
            break
        except (BufferUnavailable, BufferFull) as error:
            log.warning("Redis is away or full: waiting", error=str(error), seconds=delay)
            stop.wait(delay)
            delay = min(MAX_DELAY, delay * 2)


def loop(stop: Stop, buffer: Buffer, flusher: Flusher) -> None:
    """Flushes when the interval is over, when enough events wait, or when asked to."""
    due = time.monotonic() + settings.FLUSH_INTERVAL_SECONDS
    while not stop:
        depth = buffer.depth()
        metrics.DEPTH.set(depth)
        asked = pending(Request.Kind.FLUSH)
        if time.monotonic() >= due or depth >= settings.FLUSH_MAX_EVENTS or asked:
            due = time.monotonic() + settings.FLUSH_INTERVAL_SECONDS
            flusher.flush(lambda: bool(stop))
            complete(asked, "the buffer was empty")
        stop.wait(min(LOOK_SECONDS, max(0.0, due - time.monotonic())))
