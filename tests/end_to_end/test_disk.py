"""The disk of the lake is full, or gone: the flusher stops with one sentence, and goes on once it is mended."""

import json
import shutil

import pytest

from ingest.simulator.server.server import running
from tests.end_to_end.stream import frames_of, world

OTHER_STEPS = ("compact:renamed", "flush:renamed", "flush:committed")
needs_prlimit = pytest.mark.skipif(not shutil.which("prlimit"), reason="there is no prlimit here")


def must_have_stopped(flusher, *words):
    """Exit code 1, and as the last words one sentence that says what to do."""
    assert flusher.await_end() == 1, flusher.text
    assert not flusher.says("Traceback"), flusher.text
    sentence = flusher.text.splitlines()[-1]
    assert sentence.startswith("LakeUnusable: "), flusher.text
    for word in words:
        assert word in sentence


def last_word(stack):
    return json.loads((stack.folder / "catalog.sqlite3.heartbeats" / "flusher.json").read_text())


def test_a_full_disk_stops_the_flusher_and_nothing_is_lost(make_stack, small_disk):
    disk, enlarge = small_disk
    moments = world(2_000)
    with running(moments) as jetstream:
        stack = make_stack(jetstream.url, LAKE_ROOT=str(disk), FLUSH_MAX_EVENTS="500")
        stack.lake.root = disk
        consumer = stack.consumer()
        stack.await_depth(len(moments))
        must_have_stopped(stack.flusher(), "is full", "make room, then start again")
        assert stack.lake.listed_rows() < len(moments)
        assert last_word(stack)["fault"] == "lake"
        enlarge()
        stack.settle(frames_of(moments), consumer, stack.flusher())


@pytest.mark.slow
@pytest.mark.parametrize("step", ["compact:committed", *OTHER_STEPS])
def test_a_disk_that_becomes_read_only_stops_both_and_nothing_is_lost(make_stack, small_disk, step):
    """Where it matters most: killed at this step, the next start finds a disk that it can't tidy."""
    disk, remount = small_disk
    remount()
    moments = world(900)
    with running(moments) as jetstream:
        stack = make_stack(jetstream.url, LAKE_ROOT=str(disk), FLUSH_MAX_EVENTS="300", SWEEP_GRACE_SECONDS="0")
        stack.lake.root = disk
        consumer = stack.consumer()
        stack.await_depth(len(moments))
        kind = "flush_buffer" if step.startswith("flush") else "compact_lake"
        if kind == "compact_lake":
            stack.flush_once()
        assert stack.start(kind, "--once", prefix=(), CRASH_AT=step).await_end() == -9
        remount("ro")
        must_have_stopped(stack.start(kind, "--once", prefix=()), "can't be written", "start again")
        for command in ("flush_buffer", "compact_lake"):
            assert stack.start(command, "--once", prefix=()).await_end() in (0, 1)  # 0: it has nothing to do
        remount("rw")
        stack.flush_once()
        for _ in range(2):  # the second one sweeps what the first one's index has replaced
            assert stack.compactor("--once").await_end() == 0
        consumer.stop_cleanly()
        stack.lake.must_equal(frames_of(moments))
        verified = stack.start("verify_lake", prefix=())
        assert verified.await_end() == 0, verified.text


@needs_prlimit
@pytest.mark.slow
def test_a_disk_that_refuses_a_write_stops_the_flusher_and_nothing_is_lost(make_stack):
    moments = world(5_000)
    with running(moments) as jetstream:
        stack = make_stack(jetstream.url)
        consumer = stack.consumer()
        stack.await_depth(len(moments))
        limited = stack.start("flush_buffer", prefix=("prlimit", "--fsize=60000"))
        must_have_stopped(limited, "can't be written", "start again")
        stack.settle(frames_of(moments), consumer, stack.flusher())


@pytest.mark.slow
@pytest.mark.parametrize(
    "put",
    [lambda root: None, lambda root: root.mkdir()],
    ids=["missing", "an empty mount point"],
)
def test_a_lake_that_is_gone_stops_the_flusher_and_nothing_is_lost(make_stack, put):
    moments = world(600)
    with running(moments[:300]) as jetstream:
        stack = make_stack(jetstream.url)
        consumer, flusher = stack.consumer(), stack.flusher()
        stack.await_rows(300, consumer, flusher)
        aside = stack.root.rename(stack.folder / "aside")
        put(stack.root)
        jetstream.publish(*frames_of(moments[300:]))
        must_have_stopped(flusher, "missing", "start again")
        must_have_stopped(stack.flusher(), "missing", "start again")
        if stack.root.exists():
            stack.root.rmdir()  # proves that nothing was written into it
        aside.rename(stack.root)
        stack.settle(frames_of(moments), consumer, stack.flusher())
