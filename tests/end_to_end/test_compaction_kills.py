"""kill -9 of the compactor at each named step and at any moment, while events come, are flushed, deleted and searched:
in the end the lake holds the log, each search shows what it should, and nothing is left behind."""

import json
import random
import sys

import pytest

from deploy.local.child import ROOT
from ingest.simulator.server.jetstream import Options
from ingest.simulator.server.server import running
from process.crash_points import CRASH_POINTS
from tests.end_to_end.stack import some_seconds, until
from tests.end_to_end.stream import Endless, frames_of, world
from tests.oracle.visibility import World

RATE = 300
EVENTS_A_SECOND_OF_THEIR_TIME = 0.4  # so that an hour is over after five seconds
PATIENCE_SECONDS = 300  # a round has all hours since the last one
COMPACTION = {"COMPACT_AFTER_SECONDS": "1", "SWEEP_GRACE_SECONDS": "0", "FLUSH_INTERVAL_SECONDS": "0.2"}
POINTS = [point for point in CRASH_POINTS if point.startswith("compact:")]


class Rounds:
    """One victim a round. Each begins with a request for all that is due, so that there is work to be killed at."""

    def __init__(self, stack, seed):
        self.stack, self.random = stack, random.Random(seed)
        self.consumer, self.flusher = stack.consumer(), stack.flusher()
        stack.await_rows(500, self.consumer, self.flusher, seconds=PATIENCE_SECONDS)
        self.searcher = stack.run([sys.executable, "-m", "tests.end_to_end.searcher"], "searcher", PYTHONPATH=str(ROOT))

    def play(self, victims):
        for victim in victims:
            self.stack.ask_for_compaction()
            if victim in POINTS:
                compactor = self.stack.compactor(CRASH_AT=victim)
                assert compactor.await_end(PATIENCE_SECONDS) == -9, compactor.text
            else:
                compactor = self.stack.compactor()
                compactor.await_words("compact", PATIENCE_SECONDS)
                some_seconds(self.random, 2.0)
                compactor.kill_at_work()
            if victim == "flusher":
                self.flusher.kill_at_work()
                self.flusher = self.stack.flusher()
            assert self.searcher.alive, self.searcher.text

    def end(self, source, jetstream):
        source.finish()
        self.stack.await_rows(len(jetstream.frames), self.consumer, self.flusher, seconds=PATIENCE_SECONDS)
        until(lambda: self.searcher.text.count("walk") > 3, "some walks", programs=[self.searcher])
        self.searcher.kill_at_work()
        self.consumer.stop_cleanly()
        self.flusher.stop_cleanly()
        self.stack.flush_once()
        for _ in range(2):  # the second one sweeps what the first one's index has replaced
            assert self.stack.compactor("--once").await_end(PATIENCE_SECONDS) == 0


def play(make_stack, victims, seed):
    source = Endless(EVENTS_A_SECOND_OF_THEIR_TIME, seed, users=300)
    with running(source, options=Options(port=0, rate=RATE)) as jetstream:
        stack = make_stack(jetstream.url, **COMPACTION)
        rounds = Rounds(stack, seed)
        rounds.play(victims)
        rounds.end(source, jetstream)
        frames = jetstream.frames
    stack.lake.must_equal(frames)
    must_be_compacted(stack.lake)
    oracle = World(*frames)
    assert shown(stack) == {row.uri for row in oracle.shown("posts")}
    must_be_purged(stack.lake, oracle)
    verified = stack.start("verify_lake", "--cids", "5")
    assert verified.await_end(PATIENCE_SECONDS) == 0, verified.text


def must_be_compacted(lake):
    """One file of each dataset and hour."""
    files = [path.rpartition("/") for _, path in lake.listed()]
    assert len({folder for folder, _, _ in files}) == len(files)
    assert all(name.startswith("c-") for _, _, name in files)


def shown(stack):
    once = stack.run([sys.executable, "-m", "tests.end_to_end.searcher", "once"], "once", PYTHONPATH=str(ROOT))
    assert once.await_end(PATIENCE_SECONDS) == 0, once.text
    uris = json.loads(once.text.splitlines()[-1])
    assert len(set(uris)) == len(uris)
    return set(uris)


def must_be_purged(lake, oracle):
    """No row has text that a delete came after, and the log has such deletes."""
    deleted = {(row.did, row.rkey, row.version) for row in oracle.deleted_text()}
    posts = [row for dataset, row in lake.rows() if dataset == "posts"]
    gone = [row for row in posts if (row["did"], row["rkey"], row["rev"]) in deleted]
    assert gone
    assert all(row["state"] == "deleted" and row["text"] is None and row["cid"] is None for row in gone)


@pytest.mark.slow
def test_thirty_kills_of_the_compactor_lose_double_and_leave_nothing(make_stack):
    victims = POINTS * 3 + ["compactor"] * 11 + ["flusher"] * 4
    random.Random(7).shuffle(victims)
    play(make_stack, victims, 7)


def left_by(point, stack):
    """What must be found after a kill at this step: the proof that it was this step."""
    strangers = {path for path in stack.lake.strangers() if not path.startswith(".tmp")}
    superseded = {path for (path,) in stack.lake.ask("SELECT path FROM lake_datafile WHERE superseded_at IS NOT NULL")}
    waiting = {path for path in strangers if path.startswith(".superseded/")}
    return {
        "compact:written": not superseded and any(path.endswith(".parquet.tmp") for path in strangers),
        "compact:renamed": not superseded and any("/c-" in path for path in strangers),
        "compact:committed": bool(superseded & strangers) and not waiting,
        "compact:moved": bool(superseded) and not superseded & strangers and bool(waiting),
        "compact:swept": bool(superseded) and not waiting,
    }[point]


@pytest.mark.parametrize(
    "point",
    [point if point == "compact:committed" else pytest.param(point, marks=pytest.mark.slow) for point in POINTS],
)
def test_a_kill_at_a_named_step_is_finished_at_the_next_start(make_stack, point):
    log = world(2_000, EVENTS_A_SECOND_OF_THEIR_TIME, seed=3)
    with running(log) as jetstream:
        stack = make_stack(jetstream.url, **COMPACTION, FLUSH_MAX_EVENTS="700")  # three batches, two hours
        consumer = stack.consumer()
        stack.await_depth(len(log))
        stack.settle(frames_of(log), consumer, stack.flusher())
        assert stack.compactor("--once", CRASH_AT=point).await_end(PATIENCE_SECONDS) == -9
        assert left_by(point, stack)
        for _ in range(2):
            assert stack.compactor("--once").await_end(PATIENCE_SECONDS) == 0
        stack.lake.must_equal(jetstream.frames)
        must_be_compacted(stack.lake)
        running_on = stack.compactor()
        running_on.await_words("days_left", PATIENCE_SECONDS)
        running_on.stop_cleanly()
