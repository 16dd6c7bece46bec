"""`manage.py consume_jetstream`: from the socket to the buffer."""

import asyncio
from signal import SIGINT, SIGTERM
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand

from ingest import checks, metrics
from ingest.buffer.redis_stream import Buffer
from ingest.stream.connection_journal import ConnectionJournal, checkpoint
from ingest.stream.consumer import Consumer, Options
from process import heartbeats
from process.locks import only_one
from process.metrics import serve_metrics
from process.records import errors_counted
from process.signals import Stop

log = structlog.get_logger("consumer")


class Command(BaseCommand):
    help = "Receives events from Jetstream and puts them into the buffer, until SIGTERM."
    requires_system_checks = [checks.TAG]  # not the lake's: without its disk events still go to the buffer

    def handle(self, *args: Any, **options: Any) -> None:
        stop = Stop().listen()
        with errors_counted("consumer"), only_one("consume_jetstream", stop):
            if stop:
                return
            with heartbeats.beating("consumer"):
                serve_metrics("METRICS_PORT_CONSUMER", metrics.CONSUMER)
                asyncio.run(consume(stop))


async def consume(stop: Stop) -> None:
    """Runs until a stop is requested."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    stop.call(lambda: loop.is_closed() or loop.call_soon_threadsafe(task.cancel))  # wakes a silent socket
    # The loop must know of signals: one that comes just before it waits would not wake it.
    for number in (SIGTERM, SIGINT):
        loop.add_signal_handler(number, stop.set)
    if stop:  # requested before the callback was there
        return
    journal = ConnectionJournal()
    journal.begin()
    options = Options(settings.JETSTREAM_URLS, settings.JETSTREAM_COLLECTIONS, settings.BUFFER_HIGH_WATER, checkpoint)
    try:
        await Consumer(Buffer(settings.REDIS_URL), journal, options).run()
    except asyncio.CancelledError:
        log.info("stopped")
    finally:
        journal.finish()
