"""The power fails while closed hours are compacted, indexed and swept. Started again on what is left, the lake equals
the log, and nothing lies about."""

import pytest

from ingest.simulator.server.server import running
from process.crash_points import CRASH_POINTS
from tests.end_to_end.stack import Stack
from tests.end_to_end.stream import START_US, frames_of, world
from tests.faults.machine import STACK, Recording, lose_power, must_verify
from tests.faults.power_loss import in_order, scattered
from tests.faults.recorded_disk import recorded_disk

pytestmark = pytest.mark.slow
STEPS = [step for step in CRASH_POINTS if step.startswith("compact:")]
EVENTS_A_SECOND_OF_THEIR_TIME = 0.2  # so that the log has some hours
COMPACTION = {"COMPACT_AFTER_SECONDS": "1", "SWEEP_GRACE_SECONDS": "0", "FLUSH_MAX_EVENTS": "700"}
PATIENCE_SECONDS = 120
INDEXED = "indexed"
MOMENTS = list(enumerate([in_order, scattered, in_order, scattered]))


@pytest.fixture(scope="module")
def recording(tmp_path_factory, template):
    """The compactor is killed at each step, then finishes all."""
    log = world(2_000, EVENTS_A_SECOND_OF_THEIR_TIME, seed=3)
    with recorded_disk(tmp_path_factory.mktemp("disk")) as disk, running(log) as jetstream:
        recording = Recording(disk, frames=frames_of(log), url=jetstream.url)
        stack = Stack(disk.folder / STACK, template, jetstream.url, START_US, **COMPACTION)
        try:
            record(stack, recording)
        finally:
            stack.end()
        yield recording


def record(stack, recording):
    stack.redis.start()
    consumer = stack.consumer()
    stack.await_depth(len(recording.frames))
    stack.settle(recording.frames, consumer, stack.flusher())
    recording.disk.sync()
    for step in STEPS:
        assert stack.compactor("--once", CRASH_AT=step).await_end(PATIENCE_SECONDS) == -9
        recording.cut(step)
    assert stack.compactor("--once").await_end(PATIENCE_SECONDS) == 0
    assert stack.lake.ask("SELECT count(*) FROM lake_indexfile")[0][0]
    recording.cut(INDEXED)


def must_be_mended(stack, frames):
    """By the next start alone."""
    for _ in range(2):  # the second one sweeps what the first one's index has replaced
        compactor = stack.compactor("--once")
        assert compactor.await_end(PATIENCE_SECONDS) == 0, compactor.text
    stack.flush_once()
    stack.lake.must_equal(frames)
    stack.lake.must_show(frames)
    must_verify(stack)


@pytest.mark.parametrize("step", [*STEPS, INDEXED])
def test_a_power_loss_at_a_step_of_compaction_is_mended_at_the_next_start(recording, make_stack, tmp_path, step):
    left = lose_power(recording.until(step), tmp_path / "left")
    must_be_mended(make_stack(recording.url, left, **COMPACTION), recording.frames)


@pytest.mark.parametrize(("moment", "way"), MOMENTS)
def test_a_power_loss_at_any_moment_of_compaction_is_mended(recording, make_stack, tmp_path, moment, way):
    done = recording.between(STEPS[0], INDEXED, (moment + 0.5) / 4)
    left = lose_power(done, tmp_path / "left", way(moment))
    must_be_mended(make_stack(recording.url, left, **COMPACTION), recording.frames)
