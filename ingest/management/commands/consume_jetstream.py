"""Socket to buffer, until SIGTERM."""

import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ingest.buffer import Buffer, BufferUnsafe
from ingest.connections import Journal, checkpoint
from ingest.consumer import Consumer, Options
from ingest.process import Stop, only_one, serve_metrics


class Command(BaseCommand):
    help = "Receives events from Jetstream and puts them into the buffer, until SIGTERM."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = Stop().listen()
        with only_one("consume_jetstream", stop):
            if stop:
                return
            serve_metrics("METRICS_PORT_CONSUMER")
            try:
                asyncio.run(consume())
            except BufferUnsafe as error:
                raise CommandError(str(error)) from error


async def consume() -> None:
    """Works until SIGTERM or SIGINT cancels it."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    journal = Journal()
    options = Options(settings.JETSTREAM_URLS, settings.JETSTREAM_COLLECTIONS, settings.BUFFER_HIGH_WATER, checkpoint)
    try:
        await Consumer(Buffer(settings.REDIS_URL), journal, options).run()
    except asyncio.CancelledError:
        pass
    finally:
        journal.finish()
