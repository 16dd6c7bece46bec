"""Hosts that go away, fall silent, skip a time, or send a whole day again."""

import json

import pytest

from ingest.buffer.entries import Cursor
from ingest.simulator.server.faults import Faults
from ingest.simulator.server.server import running
from tests.end_to_end.stack import until
from tests.end_to_end.stream import START_US, frames_of, world
from tests.end_to_end.test_redis_losses import cursors, empty_folder

MINUTE_US = 60_000_000
DAY_SECONDS = 86_400


def stamped_later(frames, us):
    """The same events as another host stamps them."""
    return [json.dumps(event | {"time_us": event["time_us"] + us}).encode() for event in map(json.loads, frames)]


def test_a_host_that_dies_is_replaced_by_the_next_one(make_stack):
    frames = frames_of(world(1_200))
    with running(stamped_later(frames, 3_000_000)) as other:
        with running(frames[:600]) as first:
            stack = make_stack(f"{first.url},{other.url}")
            consumer = stack.consumer()
            stack.await_depth(600)
            first_host, other_host = (url.split("/")[2] for url in (first.url, other.url))
            with stack.client() as client:
                cursor = Cursor.decode(client.get("cursor"))
            assert other.requests == [], "the second host is not needed while the first lives"
        until(lambda: other.requests, "it turns to the other host")
        stack.settle(frames, consumer, stack.flusher())
        assert cursors(other)[0] == cursor.time_us - MINUTE_US, "hosts do not stamp an event at the same time"
    assert stack.lake.duplicates() > 0
    hosts_closed_frames = stack.lake.connections("host, closed_at IS NOT NULL, frames")
    assert [row[0] for row in hosts_closed_frames] == [first_host, other_host]
    assert all(closed and frames >= 600 for _, closed, frames in hosts_closed_frames)


@pytest.mark.slow
def test_a_host_that_begins_over_a_minute_late_is_recorded_as_a_gap(make_stack):
    moments = world(300)
    with running(moments) as jetstream:
        stack = make_stack(jetstream.url, start_us=START_US - 2 * MINUTE_US)
        consumer = stack.consumer()
        consumer.await_words("gap: ")
        stack.settle(frames_of(moments), consumer, stack.flusher())
    ((gap,),) = stack.lake.connections("gap_seconds")
    assert 120 <= gap <= 130


@pytest.mark.slow
def test_a_host_that_begins_in_time_is_no_gap(make_stack):
    moments = world(300)
    with running(moments) as jetstream:
        stack = make_stack(jetstream.url, start_us=START_US - MINUTE_US // 2)
        consumer = stack.consumer()
        stack.settle(frames_of(moments), consumer, stack.flusher())
        assert not consumer.says("gap: ")
    assert stack.lake.connections("gap_seconds") == [(None,)]


@pytest.mark.slow
def test_a_whole_day_that_comes_again_doubles_nothing(make_stack):
    moments = world(1_000, per_second=1_000 / DAY_SECONDS)
    with running(moments) as jetstream:
        stack = make_stack(jetstream.url)
        consumer, flusher = stack.consumer(), stack.flusher(FLUSH_MAX_EVENTS="600")
        stack.await_rows(len(moments), consumer, flusher)
        consumer.stop_cleanly()
        until(lambda: stack.depth == 0, "the buffer is empty", programs=[flusher])
        empty_folder(stack)
        stack.set_checkpoint(START_US)
        again = stack.consumer()
        until(lambda: stack.lake.duplicates() >= len(moments), "all of it has come again", programs=[again, flusher])
        stack.settle(frames_of(moments), again, flusher)
        assert cursors(jetstream)[-1] < moments[0][0]


@pytest.mark.slow
def test_a_host_that_falls_silent_is_left_after_half_a_minute(make_stack):
    moments = world(900)
    with running(moments, faults=Faults(stall_seconds=120, stall_every=500)) as jetstream:
        stack = make_stack(jetstream.url)
        consumer, flusher = stack.consumer(), stack.flusher()
        stack.settle(frames_of(moments), consumer, flusher)
        assert jetstream.fired["stall_every"] > 0
    assert any("idle" in why for (why,) in stack.lake.connections("why_closed"))
