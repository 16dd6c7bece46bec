"""Socket to buffer, until SIGTERM."""

import asyncio
from signal import SIGINT, SIGTERM
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ingest import checks
from ingest.buffer.redis_stream import Buffer, BufferUnsafe
from ingest.stream.connection_journal import ConnectionJournal, checkpoint
from ingest.stream.consumer import Consumer, Options
from process.locks import only_one
from process.metrics_server import serve_metrics
from process.signals import Stop

log = structlog.get_logger("consumer")


class Command(BaseCommand):
    help = "Receives events from Jetstream and puts them into the buffer, until SIGTERM."
    requires_system_checks = [checks.TAG]  # a lake whose disk is away must not keep events from the buffer

    def handle(self, *args: Any, **options: Any) -> None:
        stop = Stop().listen()
        with only_one("consume_jetstream", stop):
            if stop:
                return
            serve_metrics("METRICS_PORT_CONSUMER")
            try:
                asyncio.run(consume(stop))
            except BufferUnsafe as error:
                raise CommandError(str(error)) from error


async def consume(stop: Stop) -> None:
    """Works until a stop is asked for."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    stop.call(lambda: loop.is_closed() or loop.call_soon_threadsafe(task.cancel))  # wakes it: the socket may be silent
    # A signal that comes just before the loop waits would wake nobody if the loop did not know of it.
    for number in (SIGTERM, SIGINT):
        loop.add_signal_handler(number, stop.set)
    if stop:  # asked for before anyone listened
        return
    journal = ConnectionJournal()
    options = Options(settings.JETSTREAM_URLS, settings.JETSTREAM_COLLECTIONS, settings.BUFFER_HIGH_WATER, checkpoint)
    try:
        await Consumer(Buffer(settings.REDIS_URL), journal, options).run()
    except asyncio.CancelledError:
        log.info("stopped")
    finally:
        journal.finish()
