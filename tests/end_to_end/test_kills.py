"""kill -9 at any moment, and at each named step: nothing is lost, nothing is there twice."""

import random

import pytest

from ingest.simulator.server.faults import Faults
from ingest.simulator.server.jetstream import Options
from ingest.simulator.server.server import running
from process.crash_points import CRASH_POINTS
from tests.end_to_end.stack import some_seconds, until
from tests.end_to_end.stream import Endless, frames_of, world

RATE = 600
CUTS = Faults(drop_every=2_000, drop_replay=2, junk_every=301, cut_every=401)
MIXES = Faults(repeat_window=100, reorder=True, stall_seconds=0.5, stall_every=4_000, seed=3)  # reorder slows the rest
FIRES = {
    CUTS: ("drop_every", "drop_replay", "junk_every", "cut_every"),
    MIXES: ("repeat_window", "reorder", "stall_every"),
}
BATCHES = {"FLUSH_MAX_EVENTS": "1500", "FLUSH_INTERVAL_SECONDS": "0.1"}  # so that a kill seldom finds it idle


class Rounds:
    """Kills and starts again, one victim a round; each round ends when new rows come into the lake again."""

    def __init__(self, stack, seed):
        self.stack, self.random = stack, random.Random(seed)
        self.consumer, self.flusher = stack.consumer(), stack.flusher(**BATCHES)
        self.flushers = [self.flusher]

    def play(self, victims):
        self.await_work()
        for victim in victims:
            some_seconds(self.random, 1.0)
            getattr(self, f"kill_{victim}")()
            self.await_work()

    def await_work(self):
        before = self.stack.lake.batches()
        self.stack.await_rows(self.stack.lake.listed_rows() + 1, self.consumer, self.flusher)
        assert self.stack.lake.batches() > before

    def kill_consumer(self):
        self.consumer.kill_at_work()
        self.consumer = self.stack.consumer()

    def kill_flusher(self):
        self.flusher.kill_at_work()
        self.flusher = self.stack.flusher(**BATCHES)
        self.flushers.append(self.flusher)

    def kill_writer(self):
        """The flusher again, at a moment when files lie there that no batch lists yet."""
        until(self.stack.lake.strangers, "a batch is being written", programs=[self.flusher])
        self.kill_flusher()

    def kill_redis(self):
        self.stack.redis.kill()
        assert self.stack.redis.child.exit_code == -9
        some_seconds(self.random, 0.5)
        self.stack.redis.start()

    def kill_all(self):
        self.flusher.kill_at_work()
        self.consumer.kill_at_work()
        self.kill_redis()
        self.consumer, self.flusher = self.stack.consumer(), self.stack.flusher(**BATCHES)
        self.flushers.append(self.flusher)


def play(make_stack, victims, seed, faults):
    source = Endless(RATE, seed)
    with running(source, faults=faults, options=Options(port=0, rate=RATE)) as jetstream:
        stack = make_stack(jetstream.url)
        rounds = Rounds(stack, seed)
        rounds.play(victims)
        until(lambda: all(jetstream.fired[name] for name in FIRES[faults]), "every fault has fired")
        source.finish()
        stack.settle(jetstream.frames, rounds.consumer, rounds.flusher)
        assert stack.lake.duplicates() > 0
        return rounds


def test_kills_at_random_moments_lose_and_double_nothing(make_stack):
    play(make_stack, ["all"], 11, CUTS)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "faults"), [(1, CUTS), (2, MIXES), (3, CUTS)], ids=["cuts", "mixes", "more cuts"])
def test_many_kills_at_random_moments_lose_and_double_nothing(make_stack, seed, faults):
    victims = ["flusher"] * 2 + ["writer"] * 3 + ["consumer"] * 3 + ["redis"] * 3 + ["all"] * 3
    random.Random(seed).shuffle(victims)
    rounds = play(make_stack, victims, seed, faults)
    assert any(flusher.says("orphan") for flusher in rounds.flushers), "no flusher was killed in the midst of a batch"


def left_by(point, stack, count):
    """What must be found after a kill at this step: the proof that it was this step."""
    listed, strangers, depth = stack.lake.listed_rows(), stack.lake.strangers(), stack.depth
    unfinished = bool(strangers) and all(path.endswith(".tmp") for path in strangers)
    finished = bool(strangers) and all(path.endswith(".parquet") for path in strangers)
    return {
        "consume:received": depth == 0,
        "consume:appended": depth > 0,
        "flush:read": not strangers and listed == 0 and depth == count,
        "flush:written": unfinished and listed == 0 and depth == count,
        "flush:renamed": finished and listed == 0 and depth == count,
        "flush:committed": not strangers and 0 < listed and depth == count,
        "flush:trimmed": not strangers and 0 < listed and depth == count - listed,
    }[point]


# The slow ones: at these nothing is half done, or less than at flush:renamed, or kills at random moments meet them.
SLOW = ("consume:received", "consume:appended", "flush:read", "flush:written", "flush:trimmed")
POINTS = [
    pytest.param(point, marks=pytest.mark.slow) if point in SLOW else point
    for point in CRASH_POINTS
    if point.startswith(("consume:", "flush:"))
]


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_a_named_step_loses_and_doubles_nothing(make_stack, point):
    log = world(1_500)
    frames = frames_of(log)
    with running(log) as jetstream:
        stack = make_stack(jetstream.url, FLUSH_MAX_EVENTS="700")
        consumer = stack.consumer(CRASH_AT=point)
        if point.startswith("consume:"):
            assert consumer.await_end() == -9
            assert left_by(point, stack, len(frames))
            consumer = stack.consumer()
        stack.await_depth(len(frames))
        if point.startswith("flush:"):
            assert stack.flusher(CRASH_AT=point).await_end() == -9
            assert left_by(point, stack, len(frames))
        stack.settle(frames, consumer, stack.flusher())
