"""Flushes the buffer into the lake, every FLUSH_INTERVAL_SECONDS or as soon as it is full."""

import gc
import time
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand

from ingest.buffer.redis_stream import TIMEOUT_SECONDS, Buffer, BufferFull, BufferUnavailable
from lake import checks, metrics
from lake.catalog.command_requests import answer, delegate, pending
from lake.flush.flusher import Flusher
from lake.flush.retry import retry
from lake.models import Request
from lake.storage import disk
from process import heartbeats
from process.locks import only_one
from process.metrics import serve_metrics
from process.records import errors_counted
from process.signals import Stop

log = structlog.get_logger("flush_buffer")

NAME = "flush_buffer"
POLL_SECONDS = 0.5  # between two looks at the buffer's depth and at requests of the admin
MAX_DELAY = 5.0
REPLY_SECONDS = TIMEOUT_SECONDS + heartbeats.PATIENCE_SECONDS
LAST_ANSWER_SECONDS = 4.0  # for Redis to answer, after SIGTERM


class Command(BaseCommand):
    help = "Writes the buffer's events into the lake, until SIGTERM; with --once empties the buffer and ends."
    requires_system_checks = [checks.TAG, "ingest"]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="empty the buffer and exit; asks a running flusher to")

    def handle(self, *args: Any, once: bool, **options: Any) -> None:
        stop = Stop().listen()
        if once and delegate(NAME, Request.Kind.FLUSH, stop):
            return
        with errors_counted("flusher"), only_one(NAME, stop):
            if stop:
                return
            with nullcontext() if once else heartbeats.beating("flusher"):
                self._work(stop, once)

    def _work(self, stop: Stop, once: bool) -> None:
        # A batch is hundreds of thousands of small lists without cycles. By default the collector traverses them again
        # and again: 6 % of the flusher's CPU.
        gc.set_threshold(100_000, 50, 100)
        buffer = Buffer(settings.REDIS_URL)
        stop.call_later(LAST_ANSWER_SECONDS, buffer.hang_up)  # a Redis that does not answer must not delay it
        flusher = Flusher(buffer, settings.LAKE_ROOT, settings.FLUSH_MAX_EVENTS, settings.QUERY_THREADS)
        heartbeats.work("looks at the lake")
        flusher.prepare()
        if once:
            with_redis(stop, buffer, lambda: flusher.flush(lambda: bool(stop)))
        else:
            serve_metrics("METRICS_PORT_FLUSHER", metrics.FLUSHER + metrics.WRITERS)
            with_redis(stop, buffer, lambda: loop(stop, buffer, flusher))


def with_redis(stop: Stop, buffer: Buffer, work: Callable[[], object]) -> None:
    """Does the work on a connected buffer, and again after Redis was away: it may come back with other entries."""
    delay = POLL_SECONDS
    while not stop:
        try:
            heartbeats.beat("connects to Redis", REPLY_SECONDS, "buffer")
            buffer.connect()
            delay = POLL_SECONDS
            work()
            break
        except (BufferUnavailable, BufferFull) as error:
            log.warning("Redis is away or full: waiting", error=str(error), seconds=delay)
            heartbeats.beat(f"waits for Redis: {error}", REPLY_SECONDS, "buffer")
            stop.wait(delay)
            delay = min(MAX_DELAY, delay * 2)


def serve(stop: Stop, buffer: Buffer, flusher: Flusher) -> bool:
    """Does what was asked for in the admin, or by `--once`; whether that was anything."""

    def flush() -> str | None:
        written = flusher.flush(lambda: bool(stop))
        return None if stop else f"the buffer is empty: {written:,} events taken from it"

    retries, requests = pending(Request.Kind.RETRY_BATCH), pending(Request.Kind.FLUSH)
    for request in retries:
        answer([request], lambda request=request: retry(request.arguments, buffer, flush))  # type: ignore[misc]
    answer(requests, flush)
    return bool(retries or requests)


def loop(stop: Stop, buffer: Buffer, flusher: Flusher) -> None:
    """Flushes when the interval is over, when enough events wait, or on request."""
    due = time.monotonic() + settings.FLUSH_INTERVAL_SECONDS
    while not stop:
        heartbeats.beat("waits for the next flush", REPLY_SECONDS, lake=disk.complaint(settings.LAKE_ROOT))
        depth = buffer.depth()
        metrics.DEPTH.set(depth)
        if serve(stop, buffer, flusher):
            due = time.monotonic() + settings.FLUSH_INTERVAL_SECONDS
        elif time.monotonic() >= due or depth >= settings.FLUSH_MAX_EVENTS:
            due = time.monotonic() + settings.FLUSH_INTERVAL_SECONDS
            flusher.flush(lambda: bool(stop))
        stop.wait(min(POLL_SECONDS, max(0.0, due - time.monotonic())))
