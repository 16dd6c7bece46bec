"""What a connection leaves in its row, in the metrics and in the log."""

import json
import time

import pytest
from structlog.testing import capture_logs

from ingest import metrics
from ingest.buffer.entries import Cursor
from ingest.simulator.server.server import running
from ingest.stream import connection_progress
from tests.builders import delete
from tests.ingest.conftest import until
from tests.ingest.simulator.server.wire_client import BASE, FRAMES
from tests.ingest.stream.observed import LATEST, await_depth, hold, said, value
from tests.ingest.stream.scripted import scripted


def test_a_row_is_saved_while_its_connection_lasts(consuming, redis, rows, monkeypatch):
    monkeypatch.setattr(connection_progress, "SAVE_SECONDS", 0.1)
    with running(FRAMES) as server, consuming(server.url):
        await_depth(redis, len(FRAMES))
        time.sleep(0.2)
        server.publish(delete("next", time_us=LATEST + 1))
        until(lambda: rows()[0]["frames"] == len(FRAMES) + 1, "it is saved")
        assert rows()[0]["closed_at"] is None
        assert value(metrics.BUFFER_DEPTH) == len(FRAMES) + 1
    assert rows()[0]["wire"] == "v1"


def test_rows_are_saved_every_10_s():
    assert connection_progress.SAVE_SECONDS == 10


@pytest.mark.parametrize(("late_us", "gap"), [(60_000_000, None), (60_000_001, 60.000001)])
def test_a_first_event_over_60_s_after_what_was_asked_is_a_gap(consuming, redis, rows, late_us, gap):
    gaps = value(metrics.GAPS)
    asked = BASE - late_us
    redis.set("cursor", Cursor(asked + 5_000_000).encode())
    with capture_logs() as logs, running(FRAMES[:10]) as server, consuming(server.url):
        await_depth(redis, 10)
        until(lambda: rows() and rows()[0]["first_received"], "it is recorded")
    assert rows()[0]["gap_seconds"] == gap
    assert value(metrics.GAPS) - gaps == (gap is not None)
    assert bool(said(logs, "gap: the first event came late, what lies between may be missing")) == (gap is not None)


def test_an_implausible_first_event_is_no_gap(consuming, redis, rows):
    redis.set("cursor", Cursor(BASE + 1000).encode())

    def play(connection):
        connection.send(delete("r", time_us=10**18))
        connection.send(FRAMES[0])
        hold(connection)

    with scripted(play) as server, consuming(server.url):
        await_depth(redis, 2)
        until(lambda: rows() and rows()[0]["first_received"], "it is recorded")
    assert rows()[0]["gap_seconds"] is None
    assert json.loads(FRAMES[0])["time_us"] == rows()[0]["first_received"]
