"""A firehose that pours, and one that trickles: memory is bounded, and the lake equals the log."""

import json
from pathlib import Path

import pytest

from ingest.simulator.server.jetstream import Options
from ingest.simulator.server.server import running
from tests.end_to_end.stack import until
from tests.end_to_end.stream import frames_of, world
from tests.end_to_end.test_buffer_full import HIGH
from tests.faults.proxy import Proxy
from tests.oracle.cids import record_cid

pytestmark = pytest.mark.slow
MB = 1 << 20
PADDING = "x" * 16_000
MOST_GROWTH = 48 * MB  # of the consumer: 16 MB may wait, and batches of 1 MB are there in several forms
PATIENCE_SECONDS = 150


def padded(frame):
    """The same event with a larger record."""
    event = json.loads(frame)
    if record := event.get("commit", {}).get("record"):
        record["padding"] = PADDING
        event["commit"]["cid"] = record_cid(record)
    return json.dumps(event).encode()


def peak_bytes(program):
    """The most memory that it ever had."""
    status = Path(f"/proc/{program.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


@pytest.fixture
def proxy():
    """To a unix socket or a host."""
    made = []

    def make(target):
        made.append(Proxy(target))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_flood_is_bounded_in_memory_and_closes_the_socket(make_stack, proxy):
    """The host sends as fast as it is read; the wire to Redis is slow at first, and Redis has room for a part."""
    frames = frames_of(world(6_000))
    calm, flood = frames[:200], list(map(padded, frames[200:]))
    assert sum(map(len, flood)) > 1.5 * MOST_GROWTH, "it could not be seen"
    with running(calm) as jetstream:
        stack = make_stack(jetstream.url, maxmemory="40mb", FLUSH_MAX_EVENTS="500")
        wire = proxy(stack.redis.url.removeprefix("unix://").partition("?")[0])
        consumer = stack.consumer(REDIS_URL=f"redis://127.0.0.1:{wire.port}/0")
        stack.await_depth(len(calm))
        before, wire.delay = peak_bytes(consumer), 0.05
        passed = wire.passed
        jetstream.publish(*flood)
        until(lambda: wire.passed > passed + 3 * MB, "some of the flood is in Redis")
        wire.delay = 0
        flusher = stack.flusher()
        consumer.await_words(HIGH)
        stack.await_rows(len(calm) + len(flood), consumer, flusher, seconds=PATIENCE_SECONDS)
        assert peak_bytes(consumer) - before < MOST_GROWTH
        stack.settle([*calm, *flood], consumer, flusher)
        stack.lake.must_show([*calm, *flood])
    assert any(why.startswith("buffer at ") for (why,) in stack.lake.connections("why_closed"))


def test_a_host_that_sends_a_byte_now_and_then_is_left_for_another(make_stack, proxy):
    """No frame is whole in time, although the socket is never silent."""
    frames = frames_of(world(1_500))
    with running(frames, options=Options(port=0, rate=200)) as first, running(frames) as other:
        wire = proxy(("127.0.0.1", int(first.url.split(":")[2].partition("/")[0])))
        stack = make_stack(f"ws://127.0.0.1:{wire.port}/subscribe,{other.url}")
        consumer, flusher = stack.consumer(), stack.flusher()
        stack.await_rows(300, consumer, flusher)
        wire.piece, wire.delay = 1, 0.2
        assert other.requests == []
        until(lambda: other.requests, "it turns to the other host")
        stack.settle(frames, consumer, flusher)
        stack.lake.must_show(frames)
    assert wire.alone > 50
    assert stack.lake.connections("why_closed")[0][0].startswith("idle: no frame for ")
