"""Rows of what was deleted or replaced a day ago are named while their state does not show it."""

from datetime import UTC, datetime, timedelta

import pytest

from lake.models import DataFile, Tombstone
from lake.verify import deletions
from lake.verify.deletions import DeletionChecks, HourRange, partition_hours
from tests.builders import ALICE, BOB, NOON_US, account, commit, delete, post
from tests.lake.verify.lakes import age_batches, compact, found

HOUR_US = 3_600_000_000
MINUTE_US = 60_000_000


@pytest.fixture
def at_once(monkeypatch):
    """What was compacted a moment ago must show, too."""
    monkeypatch.setattr(deletions, "APPLIED_WITHIN", -timedelta(minutes=1))


def test_what_is_young_gets_its_time(lake):
    lake.flush(post("one", rkey="k"), delete("k"))
    assert found(lake, DeletionChecks, True) == []


@pytest.mark.parametrize("kind", ["post", "profile", "record"])
def test_a_delete_that_is_a_day_old_must_be_in_the_file(lake, at_once, tmp_path, kind):
    collection = {"post": "app.bsky.feed.post", "profile": "app.bsky.actor.profile", "record": "a.b.c"}[kind]
    lake.flush(commit(collection, {"text": "mine", "$type": collection}, rkey="k"), commit(collection, {}, rkey="j"))
    lake.flush(delete("k", collection))
    (line,) = found(lake, DeletionChecks, True)
    assert "has 1 unmarked rows with a later delete, the oldest for " in line
    assert f"such as {ALICE}/{collection}/k; run compact_lake --once" in line
    compact(lake, tmp_path)
    assert found(lake, DeletionChecks, True) == []


def test_the_proof_is_the_data_not_the_catalogs_tombstones(lake, at_once, tmp_path):
    lake.flush(post("one", rkey="k"))
    lake.flush(delete("k"))
    Tombstone.objects.all().delete()
    compact(lake, tmp_path)
    assert any("with a later delete" in line for line in found(lake, DeletionChecks, True))


def test_a_delete_of_an_earlier_life_is_none_of_this_one(lake):
    lake.flush(delete("k", rev="3mplhr77buiza"))
    lake.flush(post("again", rkey="k", rev="3mplhr77buizd"), post("other", did=BOB, rkey="k"))
    age_batches()
    assert found(lake, DeletionChecks, True) == []


def test_a_replaced_version_must_be_marked(lake, at_once, tmp_path):
    lake.flush(post("one", rkey="k"))
    lake.flush(post("two", "update", rkey="k"))
    (line,) = found(lake, DeletionChecks, True)
    assert "has 1 unmarked rows with a newer version" in line
    compact(lake, tmp_path)
    assert found(lake, DeletionChecks, True) == []


def test_a_deleted_account_takes_its_texts_along(lake, at_once, tmp_path):
    lake.flush(post("one"), post("theirs", did=BOB), commit("a.b.c", {"x": 1}))
    lake.flush(account(False, "deleted"))
    assert [line.partition("/")[0] for line in found(lake, DeletionChecks, True)] == ["posts", "records"]
    compact(lake, tmp_path)
    assert found(lake, DeletionChecks, True) == []


@pytest.mark.parametrize("status", ["deactivated", "back"])
def test_an_account_that_is_not_deleted_keeps_its_texts(lake, status):
    lake.flush(post("one"))
    if status == "back":
        lake.flush(account(False, "deleted", seq=1, time="2026-07-01T11:00:00.000Z"))
        lake.flush(account(True, seq=2, time="2026-07-01T12:00:00.000Z"))
    else:
        lake.flush(account(False, status))
    age_batches()
    assert found(lake, DeletionChecks, True) == []


def test_rows_that_kept_their_text_are_named_while_purging_is_on(lake):
    lake.flush(post("one"))
    DataFile.objects.update(unpurged=3)
    assert any(
        "holds 3 deleted rows with text, purge_deleted is on" in line for line in found(lake, DeletionChecks, True)
    )


def test_parts_are_of_so_many_rows_and_whole_hours(lake, monkeypatch):
    hours = [datetime(2026, 7, 1, hour, tzinfo=UTC) for hour in range(6)]
    rows = [(hours[0], 5), (hours[0], 5), (hours[1], 1), (hours[2], 9), (hours[4], 99), (hours[5], 1)]
    assert partition_hours(rows, 10) == [
        HourRange(hours[0], hours[0]),
        HourRange(hours[1], hours[2]),
        HourRange(hours[4], hours[4]),
        HourRange(hours[5], hours[5]),
    ]
    assert partition_hours([], 10) == []


def test_in_parts_it_finds_the_same(lake, monkeypatch):
    for hour in range(4):
        at = NOON_US + hour * HOUR_US
        lake.flush(*(post("x", rkey=f"{hour}-{number}", time_us=at + number) for number in range(3)))
    for hour in range(4):
        at = NOON_US + hour * HOUR_US + MINUTE_US
        lake.flush(*(delete(f"{3 - hour}-{number}", time_us=at + number) for number in range(2)))
    age_batches()
    whole = found(lake, DeletionChecks, True)
    monkeypatch.setattr(deletions, "KEYS_AT_ONCE", 2)
    monkeypatch.setattr(deletions, "ROWS_AT_ONCE", 3)
    # a delete kills by rev, which is of the clock here: those of later hours
    assert sorted(found(lake, DeletionChecks, True)) == sorted(whole) != []
