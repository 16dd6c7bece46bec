"""The power fails while events come and are flushed: at each step of a batch, and at any moment. What was not synced is
gone. Started again on what is left, the lake equals the log."""

from fnmatch import fnmatch

import pytest

from ingest.simulator.server.jetstream import Options
from ingest.simulator.server.server import running
from process.crash_points import CRASH_POINTS
from tests.end_to_end.evidence import Lake
from tests.end_to_end.stack import Stack
from tests.end_to_end.stream import START_US, Endless
from tests.faults.journal import Create, Sync
from tests.faults.machine import STACK, Recording, lose_power, must_catch_up
from tests.faults.power_loss import Disk, in_order, scattered
from tests.faults.recorded_disk import recorded_disk

pytestmark = pytest.mark.slow
STEPS = [step for step in CRASH_POINTS if step.startswith("flush:")]
RATE, EVENTS_A_SECOND_OF_THEIR_TIME = 300, 20  # so that the consumer's rewind can't hide a loss
BATCHES = {"FLUSH_MAX_EVENTS": "200", "FLUSH_INTERVAL_SECONDS": "0.2"}
END = "the end"
MOMENTS = list(enumerate([in_order, scattered, in_order, scattered]))


@pytest.fixture(scope="module")
def recording(tmp_path_factory, template):
    """The flusher is killed at each step, then goes on for a while. In the end a Jetstream has what came, and more."""
    source = Endless(EVENTS_A_SECOND_OF_THEIR_TIME)
    with recorded_disk(tmp_path_factory.mktemp("disk")) as disk:
        with running(source, options=Options(port=0, rate=RATE)) as jetstream:
            stack, recording = Stack(disk.folder / STACK, template, jetstream.url, START_US), Recording(disk)
            disk.sync()
            try:
                record(stack, recording)
            finally:
                source.finish()
                stack.end()
            recording.frames = jetstream.frames
        with running(recording.frames) as jetstream:
            recording.url = jetstream.url
            yield recording


def record(stack, recording):
    stack.redis.start()
    consumer = stack.consumer()
    for step in STEPS:
        stack.await_depth(100)
        assert stack.flusher(CRASH_AT=step, **BATCHES).await_end() == -9
        recording.cut(step)
    flusher = stack.flusher(**BATCHES)
    stack.await_rows(stack.lake.listed_rows() + 500, consumer, flusher)
    recording.cut(END)
    recording.batches = stack.lake.batches()


@pytest.mark.parametrize("step", STEPS)
def test_a_power_loss_at_a_step_of_a_batch_loses_and_doubles_nothing(recording, make_stack, tmp_path, step):
    stack = make_stack(recording.url, lose_power(recording.until(step), tmp_path / "left"))
    assert len(recording.frames) > stack.lake.listed_rows()
    must_catch_up(stack, recording.frames)


@pytest.mark.parametrize(("moment", "way"), MOMENTS)
def test_a_power_loss_at_any_moment_loses_and_doubles_nothing(recording, make_stack, tmp_path, moment, way):
    done = recording.between(STEPS[0], END, (moment + 0.5) / 4)
    left = lose_power(done, tmp_path / "left", way(moment))
    must_catch_up(make_stack(recording.url, left), recording.frames)


def test_redis_loses_what_it_had_acknowledged(recording):
    """It syncs its log once a second: at a power loss its cursor goes back together with its events."""
    lost = 0
    for step in (*STEPS, END):
        done = recording.until(step)
        logs = {o.number for o in done if isinstance(o, Create) and o.name.endswith(".incr.aof")}
        pending = Disk().play(done).pending_content
        lost += sum(len(one.change.data) for log in logs for one in pending.get(log, []))
    assert lost > 10_000, "the proofs above lose nothing of Redis"


def lake_left(done, target):
    left = lose_power(done, target)
    return Lake(left / "lake", left / "catalog.sqlite3")


LEFT_OUT = {
    "of the file": "*/lake/*.tmp",
    "of its folder": "*/hour=??",
    "of the folder above": "*/day=??",
}


@pytest.mark.parametrize("what", LEFT_OUT)
def test_without_one_fsync_of_the_flusher_files_would_be_lost(recording, tmp_path, what):
    """So the proofs above would see a loss: the same disk, as if the flusher had left out one fsync."""
    done = recording.until(END)
    lake_left(done, tmp_path / "left").must_have_its_files()
    less = [o for o in done if not (isinstance(o, Sync) and fnmatch(o.path, LEFT_OUT[what]))]
    assert len(less) < len(done)
    with pytest.raises(AssertionError, match=r"is listed and not there|has other bytes"):
        lake_left(less, tmp_path / "less").must_have_its_files()


def test_without_the_fsync_of_the_catalog_batches_would_be_lost(recording, tmp_path):
    done = recording.until(END)
    less = [o for o in done if not (isinstance(o, Sync) and fnmatch(o.path, "*/catalog.sqlite3-wal"))]
    assert lake_left(done, tmp_path / "left").batches() >= recording.batches
    assert lake_left(less, tmp_path / "less").batches() < recording.batches
