"""The consumer's series."""

import time

from ingest import metrics
from ingest.simulator.server.server import running
from tests.builders import account, commit, like, post
from tests.ingest.conftest import until
from tests.ingest.simulator.server.wire_client import FRAMES
from tests.ingest.stream.observed import await_depth, value
from tests.ingest.stream.scripted import scripted


def counted(metric):
    return {(*s.labels.values(),): s.value for s in metric.collect()[0].samples if s.name.endswith("_total")}


def rise(after, before):
    return {key: value - before[key] for key, value in after.items() if value != before[key]}


def test_events_and_bytes_are_counted_by_kind(consuming, redis):
    frames = [post("one"), post("two"), like("at://x/y/z"), commit("x.y.z", {}), account(True), b"junk"]
    series = [metrics.BUFFERED, metrics.BUFFERED_BYTES, metrics.DROPPED, metrics.RECEIVED, metrics.RECEIVED_BYTES]
    before = [counted(one) for one in series]
    with running(frames) as server, consuming(server.url):
        await_depth(redis, 5)
        until(lambda: sum(rise(counted(metrics.RECEIVED), before[3]).values()) == 6, "all are received")
    events, size, dropped, received, received_size = map(rise, map(counted, series), before)
    assert events == {("post",): 2, ("like",): 1, ("other",): 1, ("account",): 1}
    assert size["post",] == len(frames[0]) + len(frames[1])
    assert dropped == {("not_json",): 1}
    assert received == {(): 6}
    assert received_size == {(): sum(map(len, frames))}


def test_a_reconnect_has_a_reason(consuming, redis):
    before = counted(metrics.RECONNECTED)
    with scripted(lambda connection: connection.send(FRAMES[0])) as server, consuming(server.url):
        until(lambda: len(server.requests) >= 2, "it connects again")
    with consuming("ws://127.0.0.1:1/subscribe"):
        until(lambda: rise(counted(metrics.RECONNECTED), before).keys() >= {("closed",), ("unreachable",)}, "both")


def test_the_lag_grows_while_nothing_comes(consuming, redis):
    with running(FRAMES) as server, consuming(server.url):
        await_depth(redis, len(FRAMES))
        until(lambda: value(metrics.LAG.labels("received")) > 0, "it is known")
        before = value(metrics.LAG.labels("received"))
        time.sleep(0.05)
        assert value(metrics.LAG.labels("received")) > before + 0.04
