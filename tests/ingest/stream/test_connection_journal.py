"""Rows of connections, and where to resume after Redis has lost all."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from ingest.buffer.entries import Cursor
from ingest.models import ABANDONED, Checkpoint, Connection
from ingest.simulator.server.server import running
from ingest.stream.connection_journal import ConnectionJournal, checkpoint
from tests.builders import delete
from tests.ingest.conftest import until
from tests.ingest.simulator.server.wire_client import FRAMES
from tests.ingest.stream.observed import LATEST, await_depth, said


@pytest.mark.django_db
def test_the_last_commit_is_where_to_resume_and_before_it_the_first_event_ever_received():
    assert checkpoint() is None
    now = datetime.now(UTC)
    for host, first in (("silent", None), ("later", 2_000), ("first", 1_000)):
        Connection.objects.create(host=host, wire="v1", opened_at=now, saved_at=now, first_received=first)
    assert checkpoint() == Cursor(1_000, "first")
    Checkpoint.objects.create(time_us=5_000, host="committed", seq=7)
    assert checkpoint() == Cursor(5_000, "committed", 7)


def test_a_locked_database_does_not_hold_events_up(consuming, redis, rows, catalog, monkeypatch):
    monkeypatch.setattr("ingest.stream.connection_journal.BUSY_MS", 60_000)
    with closing(sqlite3.connect(catalog, isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        with running(FRAMES) as server, consuming(server.url):
            await_depth(redis, len(FRAMES))
            server.publish(delete("next", time_us=LATEST + 1))
            await_depth(redis, len(FRAMES) + 1)
            assert rows() == []
            lock.execute("COMMIT")
            until(rows, "it is recorded")


def test_rows_that_could_not_be_saved_come_later(consuming, redis, rows, catalog, monkeypatch):
    monkeypatch.setattr("ingest.stream.connection_journal.BUSY_MS", 20)
    with closing(sqlite3.connect(catalog, isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        with capture_logs() as logs, running(FRAMES) as server, consuming(server.url):
            await_depth(redis, len(FRAMES))
            server.drop()
            until(lambda: len(said(logs, "connected")) == 2, "it is back")
            warned = len(said(logs, "connections not recorded yet"))
            until(lambda: len(said(logs, "connections not recorded yet")) > warned or warned > 2, "the lock is noticed")
            lock.execute("COMMIT")
    first, second = rows()
    assert "no close frame" in first["why_closed"]
    assert second["why_closed"] == "stopped"


def open_row(host):
    saved = datetime(2026, 7, 1, 12, tzinfo=UTC)
    return Connection(host=host, wire="v1", opened_at=saved - timedelta(hours=1), saved_at=saved)


@pytest.mark.parametrize("locked", [False, True])
def test_the_next_start_closes_what_a_killed_consumer_left_open_where_it_was_last_saved(
    rows, catalog, monkeypatch, locked
):
    monkeypatch.setattr("ingest.stream.connection_journal.BUSY_MS", 20)
    journal = ConnectionJournal()
    journal.save(open_row("killed"))
    until(rows, "a consumer is connected")
    with closing(sqlite3.connect(catalog, isolation_level=None)) as lock, capture_logs() as logs:
        if locked:
            lock.execute("BEGIN IMMEDIATE")
        journal.begin()
        if locked:
            until(lambda: said(logs, "connections not recorded yet"), "the lock is noticed")
            lock.execute("COMMIT")
    journal.save(open_row("new"))
    journal.finish()
    killed, new = sorted(rows(), key=lambda row: row["host"])
    assert (killed["closed_at"], killed["why_closed"]) == (killed["saved_at"], ABANDONED)
    assert new["closed_at"] is None
