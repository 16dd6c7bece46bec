"""Each command runs once at a time, stops when asked, and `--once` asks the one that runs."""

import os
import signal
from pathlib import Path

import pytest

from ingest.simulator.server.server import running
from tests.end_to_end.stack import until
from tests.end_to_end.stream import frames_of, world

POLL = ("7", "73", "271")  # the numbers of poll and ppoll on x86-64 and ARM
WAITING = "another copy runs: waiting until it ends"


def test_a_second_copy_waits_and_takes_over_when_the_first_is_killed(make_stack):
    moments = world(600)
    with running(moments[:300]) as jetstream:
        stack = make_stack(jetstream.url)
        first = [stack.consumer(), stack.flusher()]
        stack.await_rows(300, *first)
        second = [stack.consumer(), stack.flusher()]
        for program in second:
            program.await_words(WAITING)
        assert len(jetstream.requests) == 1, "the second consumer must not connect while the first runs"
        for program in first:
            program.kill_at_work()
        jetstream.publish(*frames_of(moments[300:]))
        stack.settle(frames_of(moments), *second)


COMMANDS = ["consume_jetstream", "flush_buffer"]


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_copy_that_waits_stops_when_asked(make_stack, command):
    with running([]) as jetstream:
        stack = make_stack(jetstream.url)
        first = stack.start(command)
        until(lambda: lock_is_held(stack, command), "the first copy runs")
        second = stack.start(command)
        second.await_words(WAITING)
        second.stop_cleanly()
        assert first.alive


def lock_is_held(stack, command):
    """Whether someone holds it, as the kernel says."""
    lock = stack.database.with_name(f"{stack.database.name}.{command}.lock")
    return lock.exists() and f":{lock.stat().st_ino} " in Path("/proc/locks").read_text()


@pytest.mark.slow
def test_once_beside_a_running_flusher_asks_it_and_waits(make_stack):
    moments = world(300)
    with running(moments) as jetstream:
        stack = make_stack(jetstream.url, FLUSH_INTERVAL_SECONDS="3600")
        consumer, flusher = stack.consumer(), stack.flusher()
        stack.await_depth(300)
        until(lambda: lock_is_held(stack, "flush_buffer"), "the flusher runs")
        once = stack.flush_once()
        assert stack.lake.listed_rows() == 300, "it must not end before the buffer is empty"
        assert once.says("asked the running command")
        assert not once.says("flushed")
        assert flusher.says("flushed")
        stack.settle(frames_of(moments), consumer, flusher)


@pytest.mark.slow
def test_once_does_it_itself_when_the_flusher_that_it_asked_dies(make_stack):
    moments = world(300)
    with running(moments) as jetstream:
        stack = make_stack(jetstream.url, FLUSH_INTERVAL_SECONDS="3600")
        consumer, flusher = stack.consumer(), stack.flusher()
        stack.await_depth(300)
        until(lambda: lock_is_held(stack, "flush_buffer"), "the flusher runs")
        os.kill(flusher.pid, signal.SIGSTOP)
        once = stack.flusher("--once")
        once.await_words("asked the running command")
        flusher.kill_at_work()
        assert once.await_end() == 0, once.text
        assert once.says("flushed")
        consumer.stop_cleanly()
        stack.lake.must_equal(frames_of(moments))


def test_each_process_stops_within_ten_seconds_also_on_a_silent_socket(make_stack):
    with running([]) as jetstream:
        stack = make_stack(jetstream.url, FLUSH_INTERVAL_SECONDS="3600")
        simulator = stack.start("simulate_jetstream", "--port", "0")
        consumer, flusher = stack.consumer(), stack.flusher()
        consumer.await_words("connected")
        until(lambda: lock_is_held(stack, "flush_buffer"), "the flusher runs")
        simulator.await_words("listening on ")
        for program in (consumer, flusher, simulator):
            program.stop_cleanly()
    assert stack.lake.connections("frames, closed_at IS NULL") == [(0, 0)], "silent, and closed in the journal"


@pytest.mark.slow
def test_each_process_stops_within_ten_seconds_also_while_redis_hangs(make_stack):
    moments = world(300)
    with running(moments) as jetstream:
        stack = make_stack(jetstream.url)
        consumer, flusher = stack.consumer(), stack.flusher()
        stack.await_rows(300, consumer, flusher)
        os.kill(stack.redis.child.pid, signal.SIGSTOP)
        jetstream.publish(*frames_of(world(400)[300:]))
        for program in (consumer, flusher):
            until(lambda p=program: waits_for_redis(p), "it waits for an answer of Redis")
            program.stop_cleanly()


def waits_for_redis(program):
    """Whether one of its threads sits in poll(), as the client of Redis does: its event loop and locks use others."""
    tasks = Path(f"/proc/{program.pid}/task").iterdir()
    return any((task / "syscall").read_text().split()[0] in POLL for task in tasks)
