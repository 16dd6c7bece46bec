"""A look at what a consumer has done: Redis, metrics, logs."""

from ingest.buffer.entries import Cursor
from tests.ingest.conftest import until
from tests.ingest.simulator.server.wire_client import BASE, FRAMES

LATEST = BASE + len(FRAMES) - 1


def frames_in(redis):
    return [fields[b"f"] for _, fields in redis.xrange("buffer")]


def cursor_in(redis):
    return Cursor.decode(redis.get("cursor"))


def await_depth(redis, count):
    until(lambda: redis.xlen("buffer") >= count, f"{count} events in the buffer")


def hold(connection):
    """Keeps the connection open, and silent, until the other side ends it."""
    for _ in connection:
        pass


def value(metric):
    return metric.collect()[0].samples[0].value


def said(logs, event):
    return [entry for entry in logs if entry["event"] == event]
