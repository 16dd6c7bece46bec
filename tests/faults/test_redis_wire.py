"""The wire to Redis is slow, or half-open: the lake equals the log."""

import pytest

from ingest.simulator.server.jetstream import Options
from ingest.simulator.server.server import running
from tests.end_to_end.stack import until
from tests.end_to_end.stream import Endless
from tests.faults.proxy import Proxy

pytestmark = pytest.mark.slow
RATE = 200
PATIENCE_SECONDS = 150  # a reply may take 30


@pytest.fixture
def wired(make_stack):
    """A stack whose consumer and flusher reach Redis through a proxy."""
    source = Endless(20)
    with running(source, options=Options(port=0, rate=RATE)) as jetstream:
        stack = make_stack(jetstream.url)
        proxy = Proxy(stack.redis.url.removeprefix("unix://").partition("?")[0])
        stack.way = {"REDIS_URL": f"redis://127.0.0.1:{proxy.port}/0"}
        yield stack, proxy, source, jetstream
        proxy.close()


def settle(stack, source, jetstream, consumer, flusher):
    source.finish()
    stack.settle(jetstream.frames, consumer, flusher, seconds=PATIENCE_SECONDS)
    stack.lake.must_show(jetstream.frames)


def test_a_half_open_wire_is_noticed_and_left(wired):
    stack, proxy, source, jetstream = wired
    consumer, flusher = stack.consumer(**stack.way), stack.flusher(**stack.way)
    stack.await_rows(200, consumer, flusher)
    with proxy.half_open():
        until(lambda: proxy.swallowed, "something went nowhere")
        for program in (consumer, flusher):
            program.await_words("Redis is away", PATIENCE_SECONDS)
    stack.await_rows(stack.lake.listed_rows() + 200, consumer, flusher, seconds=PATIENCE_SECONDS)
    settle(stack, source, jetstream, consumer, flusher)


def test_a_slow_wire_delays_and_loses_nothing(wired):
    stack, proxy, source, jetstream = wired
    proxy.delay = 0.2
    consumer, flusher = stack.consumer(**stack.way), stack.flusher(**stack.way)
    stack.await_rows(500, consumer, flusher, seconds=PATIENCE_SECONDS)
    assert proxy.passed > 100_000
    settle(stack, source, jetstream, consumer, flusher)
    assert not consumer.says("Redis is away"), consumer.text
