"""Redis comes back with less, with older entries, with other ids, or not for a while: the lake equals the log."""

import shutil
from contextlib import closing
from urllib.parse import parse_qs, urlsplit

import pytest

from ingest.simulator.server.server import running
from tests.builders import NOON_US, post
from tests.end_to_end.stack import until
from tests.end_to_end.stream import START_US, frames_of, world
from tests.redis_refusals import accept_writes, refuse_writes

FAR_AHEAD_MS = 4_102_444_800_000  # a clock of Redis that stood in the year 2100


def cursors(jetstream):
    """What each connection asked for."""
    asked = [parse_qs(urlsplit(path).query).get("cursor", [None])[0] for path in jetstream.requests]
    return [cursor and int(cursor) for cursor in asked]


def empty_folder(stack):
    """The disk of Redis is lost. Its processes keep running."""
    stack.redis.kill()
    shutil.rmtree(stack.redis.folder)
    stack.redis.start()


def flush_all(stack):
    with closing(stack.client()) as client:
        client.flushall()


@pytest.mark.parametrize("lose", [empty_folder, pytest.param(flush_all, marks=pytest.mark.slow)])
def test_a_redis_that_lost_everything_is_filled_again_from_the_last_commit(make_stack, lose):
    moments = world(1_200)
    committed, buffered, after = moments[:400], moments[400:800], moments[800:]
    with running(committed) as jetstream:
        stack = make_stack(jetstream.url)
        consumer = stack.consumer()
        stack.await_depth(len(committed))
        stack.flush_once()
        jetstream.publish(*frames_of(buffered))
        stack.await_depth(len(buffered))
        lose(stack)
        assert stack.lake.listed_rows() == len(committed)
        jetstream.publish(*frames_of(after))
        stack.settle(frames_of(moments), consumer, stack.flusher())
        asked = cursors(jetstream)
    assert len(asked) > 1, "the loss went unnoticed"
    assert asked[-1] < buffered[0][0], "it must ask for what the commit had not seen"


@pytest.mark.slow
def test_a_redis_that_lost_everything_before_the_first_commit_is_filled_again(make_stack):
    moments = world(800)
    with running(moments[:400]) as jetstream:
        stack = make_stack(jetstream.url, start_us=None)
        consumer = stack.consumer()
        stack.await_depth(400)
        until(
            lambda: any(first for (first,) in stack.lake.connections("first_received")), "the first event is recorded"
        )
        empty_folder(stack)
        jetstream.publish(*frames_of(moments[400:]))
        stack.settle(frames_of(moments), consumer, stack.flusher(), seconds=15)


def test_a_redis_restored_to_an_older_state_doubles_and_loses_nothing(make_stack, tmp_path):
    moments = world(900)
    with running(moments[:300]) as jetstream:
        stack = make_stack(jetstream.url)
        consumer = stack.consumer()
        stack.await_depth(300)
        stack.redis.stop()
        shutil.copytree(stack.redis.folder, tmp_path / "copy", ignore=shutil.ignore_patterns("*.sock"))
        stack.redis.start()
        flusher = stack.flusher()
        jetstream.publish(*frames_of(moments[300:600]))
        stack.await_rows(600, consumer, flusher)
        flusher.stop_cleanly()
        empty_folder_of(stack, tmp_path / "copy")
        stack.await_depth(300)
        jetstream.publish(*frames_of(moments[600:]))
        stack.settle(frames_of(moments), consumer, stack.flusher())
        assert cursors(jetstream)[-1] < moments[300][0], "the cursor came back with the older state"
    assert stack.lake.duplicates() >= 600


def empty_folder_of(stack, copy):
    stack.redis.kill()
    shutil.rmtree(stack.redis.folder)
    shutil.copytree(copy, stack.redis.folder)
    stack.redis.start()


def append(stack, first_id, *frames):
    """Puts entries into the buffer as the consumer does, but under ids of our choice."""
    milliseconds, number = first_id
    with closing(stack.client()) as client:
        for place, frame in enumerate(frames, number):
            fields = {"f": frame, "c": f"{NOON_US}  test"}
            client.xadd("buffer", fields, id=f"{milliseconds}-{place}")


@pytest.mark.slow
def test_ids_that_step_back_below_committed_ones_are_read(make_stack):
    moments = world(300)
    early = [post("before the clock was set back"), post("and one more")]
    with running(moments) as jetstream:
        stack = make_stack(jetstream.url)
        flusher = stack.flusher()
        append(stack, (FAR_AHEAD_MS, 0), *early)
        stack.await_rows(2, flusher)
        empty_folder(stack)
        stack.set_checkpoint(START_US)
        stack.settle(early + frames_of(moments), stack.consumer(), flusher)
    ids = [int(first.split("-")[0]) for (first,) in stack.lake.ask("SELECT first_id FROM lake_batchrun ORDER BY id")]
    assert ids[0] == FAR_AHEAD_MS
    assert ids[-1] < FAR_AHEAD_MS


@pytest.mark.slow
def test_an_id_that_comes_again_overwrites_no_file(make_stack):
    first, second = [post("first under this id")], [post("second under this id")]
    stack = make_stack("ws://127.0.0.1:1/subscribe")
    append(stack, (FAR_AHEAD_MS, 0), *first)
    stack.flush_once()
    (path,) = [stack.root / path for _, path in stack.lake.listed()]
    before = path.read_bytes()
    empty_folder(stack)
    append(stack, (FAR_AHEAD_MS, 0), *second)
    stack.flush_once()
    assert path.read_bytes() == before
    names = sorted(path for _, path in stack.lake.listed())
    assert len(names) == 2
    assert names[0].rpartition("/")[0] == names[1].rpartition("/")[0], "both wanted the same name"
    stack.lake.must_equal(first + second, rebuilt_every=1)


def test_without_redis_both_processes_wait_and_go_on_alone(make_stack):
    moments = world(600)
    with running(moments[:300]) as jetstream:
        stack = make_stack(jetstream.url)
        stack.redis.stop()
        consumer, flusher = stack.consumer(), stack.flusher()
        for program in (consumer, flusher):
            program.await_words("Redis is away")
        stack.redis.start()
        stack.await_rows(300, consumer, flusher)
        times_waited = [program.text.count("Redis is away") for program in (consumer, flusher)]
        stack.redis.stop()
        jetstream.publish(*frames_of(moments[300:]))
        for program, before in zip((consumer, flusher), times_waited, strict=True):
            until(lambda p=program, b=before: p.text.count("Redis is away") > b, "it notices")
        stack.redis.start()
        stack.settle(frames_of(moments), consumer, flusher)


@pytest.mark.slow
def test_while_redis_refuses_writes_both_processes_wait_and_go_on_alone(make_stack):
    moments = world(600)
    with running(moments[:300]) as jetstream:
        stack = make_stack(jetstream.url)
        consumer = stack.consumer()
        stack.await_depth(300)
        refused = refuse_writes(stack.redis)
        flusher = stack.flusher()
        flusher.await_words("refuses to write")
        jetstream.publish(*frames_of(moments[300:]))
        consumer.await_words("refuses to write")
        accept_writes(refused)
        stack.settle(frames_of(moments), consumer, flusher)
