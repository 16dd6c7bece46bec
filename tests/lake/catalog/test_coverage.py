"""Why minutes are missing: the journal of connections, read truly."""

from datetime import UTC, datetime, timedelta

import pytest

from ingest.models import ABANDONED, SILENT, Connection
from lake.catalog.coverage import NEVER_ON, cause, coverage
from tests.builders import NOON_US, post

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
GAP = timedelta(minutes=10)
LATER = NOON + timedelta(hours=9)
KILLED = f"connection closed (one: {ABANDONED})"


def at(minutes):
    return NOON + timedelta(minutes=minutes)


def connected(opened, saved, closed=None, why="", host="one"):
    """All times in minutes since the gap began."""
    times = {"opened_at": at(opened), "saved_at": at(saved), "closed_at": None if closed is None else at(closed)}
    return Connection(host=host, wire="v1", why_closed=why, **times)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        pytest.param([], NEVER_ON, id="nothing is recorded"),
        pytest.param([connected(-60, -0.1)], KILLED, id="killed before the gap, and never started again"),
        pytest.param([connected(-60, 4)], KILLED, id="killed in the gap"),
        pytest.param([connected(-60, -0.1, -0.1, ABANDONED)], KILLED, id="closed by the next start"),
        pytest.param(
            [connected(-60, 2, 2, "it went away")], "connection closed (one: it went away)", id="closed in the gap"
        ),
        pytest.param(
            [connected(-60, 300)], "connected to one, which sent nothing of this time", id="killed long after the gap"
        ),
        pytest.param(
            [connected(-60, 300, 300, "stopped")],
            "connected to one, which sent nothing of this time",
            id="closed long after the gap",
        ),
        pytest.param(
            [connected(-60, 540)], "connected to one, which sent nothing of this time", id="connected until now"
        ),
        pytest.param(
            [connected(-60, 0), connected(8, 540, host="two")],
            f"{KILLED}; connected to two from 2026-07-01T12:08:00Z on, which sent nothing of the time before",
            id="killed and started again in the gap",
        ),
    ],
)
def test_a_gap_has_the_cause_that_the_journal_tells(rows, why):
    assert cause(NOON, NOON + GAP, rows, LATER) == why


@pytest.mark.parametrize(("silent", "ended"), [(SILENT, False), (SILENT + timedelta(microseconds=1), True)])
def test_a_connection_that_is_not_saved_any_more_has_ended(silent, ended):
    assert (connected(-60, 0).end(NOON + silent) is not None) == ended


def test_what_was_saved_shortly_before_the_last_minute_is_asked_for(lake):
    lake.flush(post("a", time_us=NOON_US), post("b", time_us=NOON_US + 600_000_000))
    connected(-60, 1 - 70 / 60).save()  # the gap begins at minute 1
    assert coverage()["gaps"][0]["why"] == KILLED
