"""Copies of the catalog beside it: whole, and the last three."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

from lake.recovery.catalog_copies import KEPT, keep_copy
from tests.lake.durable_steps import Steps

NOW = datetime(2026, 7, 1, tzinfo=UTC)


def numbers(path):
    with closing(sqlite3.connect(path)) as database:
        return [number for (number,) in database.execute("SELECT number FROM numbers")]


def test_the_last_copies_are_kept_and_have_what_was_committed(tmp_path):
    catalog = tmp_path / "catalog.sqlite3"
    (tmp_path / "catalog.sqlite3.copy-20260101T000000.unfinished").touch()
    copies = []
    with closing(sqlite3.connect(catalog)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE numbers (number)")
        for number in range(KEPT + 2):
            with writer:
                writer.execute("INSERT INTO numbers VALUES (?)", (number,))
            copies.append(keep_copy(catalog, NOW + timedelta(minutes=number)))
    assert [path.exists() for path in copies] == [False, False, True, True, True]
    assert [numbers(path) for path in copies[-KEPT:]] == [list(range(count)) for count in (3, 4, 5)]
    assert not list(tmp_path.glob("*2026070*.unfinished"))


def test_a_copy_is_durable_before_the_migration_begins(tmp_path, monkeypatch):
    catalog = tmp_path / "catalog.sqlite3"
    sqlite3.connect(catalog).close()
    steps = Steps(tmp_path, monkeypatch)
    copy = keep_copy(catalog, NOW)
    assert steps.done == [f"renamed {copy.stem}.unfinished to {copy.name}", "synced ."]
