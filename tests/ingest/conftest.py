"""A consumer at work beside the test, on a catalog in a file, as in production."""

import asyncio
import sqlite3
import threading
import time
from contextlib import closing, contextmanager

import pytest
from django.db import connection

from ingest.buffer.redis_stream import Buffer
from ingest.stream.connection_journal import ConnectionJournal
from ingest.stream.consumer import Consumer, Options

SECONDS = 20  # to wait for what must come


def until(done, what):
    end = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < end, f"not within {SECONDS} s: {what}"
        time.sleep(0.01)


class Work:
    """`error`: what has ended the consumer, if it was no stop."""

    def __init__(self, consumer):
        self.error = None
        self._consumer, self._ready = consumer, threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        self._ready.wait(SECONDS)

    async def _run(self):
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._consumer.run())
        self._ready.set()
        try:
            await self._task
        except asyncio.CancelledError:
            pass
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    def stop(self):
        """The seconds that it took."""
        began = time.monotonic()
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()
        return time.monotonic() - began

    def ended(self):
        return not self._thread.is_alive()


@pytest.fixture
def catalog(transactional_db, tmp_path):
    """The path of a migrated catalog, which every thread from now on opens."""
    path = tmp_path / "catalog.sqlite3"
    connection.ensure_connection()
    with closing(sqlite3.connect(path)) as copy:
        connection.connection.backup(copy)
        copy.execute("PRAGMA journal_mode=WAL")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(connection.settings_dict, "NAME", str(path))
        yield path


@pytest.fixture
def rows(catalog):
    """Reads the Connection rows, oldest first, as dicts."""

    def read():
        with closing(sqlite3.connect(catalog)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute("SELECT * FROM ingest_connection ORDER BY opened_at")]

    return read


@pytest.fixture
def consuming(buffer, redis_server, catalog):
    """Starts a consumer for these URLs; it ends with the block."""

    @contextmanager
    def start(*urls, checkpoint=None, high_water=0.9, own_buffer=None):
        journal = ConnectionJournal()
        options = Options(urls, (), high_water, lambda: checkpoint)
        work = Work(Consumer(own_buffer or Buffer(redis_server.url), journal, options))
        try:
            yield work
        finally:
            work.stop()
            journal.finish()

    return start
