"""A flusher that is away for long: the buffer fills up, and what did not fit is fetched later."""

import urllib.request
from datetime import datetime

from deploy.local.environment import free_port
from ingest.simulator.server.jetstream import Options
from ingest.simulator.server.server import running
from tests.end_to_end.stack import until
from tests.end_to_end.stream import frames_of, world

HIGH, LOW = "buffer above its high-water mark", "buffer has room again"


def metric(port, name):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def test_a_full_buffer_closes_the_socket_until_there_is_room(make_stack):
    moments, port = world(9_000), free_port()
    with running(moments, options=Options(port=0, rate=6_000)) as jetstream:
        stack = make_stack(jetstream.url, maxmemory="4mb")
        consumer = stack.consumer(METRICS_PORT_CONSUMER=str(port))
        consumer.await_words(HIGH)
        until(lambda: len(jetstream.frames) == len(moments), "all events are in the log")
        held, connections = stack.depth, len(jetstream.requests)
        assert held < len(moments)
        assert metric(port, "ingest_connected") == 0
        assert metric(port, "ingest_pauses_total") >= 1
        assert (len(jetstream.requests), stack.depth) == (connections, held), "it rests while there is no room"
        flusher = stack.flusher()
        consumer.await_words(LOW)
        stack.settle(frames_of(moments), consumer, flusher)
    opened_closed_why = stack.lake.connections("opened_at, closed_at, why_closed")
    assert opened_closed_why[0][2].startswith("buffer at ")
    closed, reopened = (datetime.fromisoformat(text) for text in (opened_closed_why[0][1], opened_closed_why[1][0]))
    assert closed < reopened
