"""What coverage says of the hour in which nobody received anything: after a kill -9, and after a restore."""

import json
import sqlite3
from contextlib import closing

import pytest

from ingest.models import ABANDONED
from ingest.simulator.server.server import running
from lake.recovery.databases import RESTORED
from process.instants import now_us
from tests.builders import post
from tests.end_to_end.stack import until

HOUR_US = 3_600_000_000
COVERAGE = "import json; from lake.catalog.coverage import coverage; print('FOUND', json.dumps(coverage()))"


def connection_rows(stack):
    with closing(sqlite3.connect(stack.database, timeout=30)) as database:
        return database.execute("SELECT host FROM ingest_connection").fetchall()


def an_hour_passes(stack):
    """As if all that the journal tells had been an hour ago."""
    with closing(sqlite3.connect(stack.database, timeout=30)) as database, database:
        for column in ("opened_at", "saved_at", "closed_at"):
            database.execute(f"UPDATE ingest_connection SET {column} = datetime({column}, '-1 hour')")


def restored(stack, make_stack, url, start_us):
    other = make_stack(url, start_us)
    other.database.unlink()
    for place, command in ((stack, "backup"), (other, "restore")):
        program = place.start(command, str(stack.folder / "backup"))
        assert program.await_end() == 0, program.text
    return other


@pytest.mark.slow
@pytest.mark.parametrize("way", ["killed", "restored"])
def test_the_hour_after_the_end_of_a_consumer_has_its_cause(make_stack, way):
    now = now_us()
    with running([(now - HOUR_US, post("before", time_us=now - HOUR_US))]) as jetstream:
        stack = make_stack(jetstream.url, now - HOUR_US - 1)
        consumer = stack.consumer()
        stack.await_depth(1)
        beat = stack.folder / "catalog.sqlite3.heartbeats" / "consumer.json"
        until(lambda: json.loads(beat.read_text()).get("last_frame", 0) >= now / 1e6, "its heartbeat says so")
        assert json.loads(beat.read_text())["connected"]
        until(lambda: connection_rows(stack), "the connection is recorded", programs=[consumer])
        if way == "restored":
            stack.flush_once()
            stack, why = restored(stack, make_stack, jetstream.url, now - HOUR_US - 1), RESTORED
        else:
            consumer.kill_at_work()
            why = ABANDONED
        an_hour_passes(stack)
        jetstream.publish(post("after", time_us=now))
        consumer = stack.consumer()
        until(lambda: len(connection_rows(stack)) == 2, "the next one is recorded", programs=[consumer])
        stack.await_depth(2 if way == "killed" else 1)
        stack.flush_once()
        shell = stack.start("shell", "--no-imports", "-c", COVERAGE)
        assert shell.await_end() == 0, shell.text
    (gap,) = json.loads(shell.text.partition("FOUND ")[2].splitlines()[0])["gaps"]
    assert gap["why"].startswith("connection closed (127.0.0.1")
    assert why in gap["why"]
    assert "which sent nothing of this time" not in gap["why"]
