"""The clock of the machine steps, and another program holds the catalog: the lake equals the log."""

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ingest.simulator.server.jetstream import Options
from ingest.simulator.server.server import running
from process.instants import now_us
from tests.end_to_end.stream import START_US, Endless
from tests.faults.recorded_disk import not_here

pytestmark = pytest.mark.slow
RATE = 100
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
PATIENCE_SECONDS = 120  # a writer waits 30
MORE = 1_000  # events that come in the meantime


def test_a_clock_that_steps_forward_and_back_loses_and_doubles_nothing(make_stack, tmp_path):
    """That of consumer and flusher; events come with the present time."""
    if FAKETIME is None:
        not_here("there is no libfaketime: apt-get install libfaketime")
    clock, started = tmp_path / "clock", now_us()
    clock.write_text("+0")
    faked = {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1"}
    source = Endless(RATE, start_us=started)
    with running(source, options=Options(port=0, rate=RATE)) as jetstream:
        stack = make_stack(jetstream.url, start_us=started, **faked, FAKETIME_DONT_FAKE_MONOTONIC="1")
        consumer, flusher = stack.consumer(), stack.flusher()
        for offset in ("+2h", "-3h", "+0"):
            stack.await_rows(stack.lake.listed_rows() + 200, consumer, flusher)
            clock.write_text(offset)
        source.finish()
        stack.settle(jetstream.frames, consumer, flusher)
        stack.lake.must_show(jetstream.frames)
    times = [datetime.fromisoformat(text) for (text,) in stack.lake.ask("SELECT started_at FROM lake_batchrun")]
    assert max(times) - min(times) > timedelta(hours=4), "the clock has not stepped"


def test_a_catalog_that_is_locked_for_long_stops_no_event(make_stack):
    """The flusher waits for it, then ends with a sentence: whoever supervises it starts it again."""
    source = Endless(20)
    with running(source, options=Options(port=0, rate=RATE)) as jetstream:
        stack = make_stack(jetstream.url, start_us=START_US, COMPACT_AFTER_SECONDS="1", SWEEP_GRACE_SECONDS="0")
        consumer, flusher, compactor = stack.consumer(), stack.flusher(), stack.compactor()
        stack.await_rows(200, consumer, flusher)
        with closing(sqlite3.connect(stack.database, timeout=60, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            rows, depth = stack.lake.listed_rows(), stack.depth
            assert flusher.await_end(PATIENCE_SECONDS) == 1, flusher.text
            assert "database is locked" in flusher.text.splitlines()[-1]
            stack.await_depth(depth + MORE)
            assert stack.lake.listed_rows() == rows
            other.execute("ROLLBACK")
        for program in (flusher, compactor):
            assert program.alive or program.exit_code == 1, program.text
            assert not program.says("Traceback"), program.text
        source.finish()
        compactor.kill()
        flusher = stack.flusher()
        stack.await_rows(len(jetstream.frames), consumer, flusher)
        for _ in range(2):  # the second one sweeps what the first one's index has replaced
            assert stack.compactor("--once").await_end(PATIENCE_SECONDS) == 0
        stack.settle(jetstream.frames, consumer, flusher)
        stack.lake.must_show(jetstream.frames)
