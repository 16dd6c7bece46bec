"""Closed hours become one file each; what was deleted leaves the files."""

from datetime import UTC, datetime, timedelta

import pytest

from lake import metrics
from lake.compact.compactor import SPILL, Compactor
from lake.models import DataFile, InactiveAccount, Tombstone
from lake.schema import DATASETS
from lake.storage import disk, layout
from lake.withheld_models import OptOut
from tests.builders import ALICE, BOB, NOON_US, account, commit, delete, like, post
from tests.lake.compact.compacting import HOUR, NOON, daily, fill, make, names, states, texts, whole


def test_a_closed_hour_becomes_one_file_of_each_dataset(lake, compactor):
    fill(lake)
    before = {name: lake.rows(name) for name in DATASETS}
    assert compactor.round(patient=False) == 7
    assert {name: [whole(name, row) for row in lake.rows(name)] for name in DATASETS} == before
    listed = DataFile.objects.all()
    assert sorted(file.dataset for file in listed) == sorted(name for name, rows in before.items() if rows)
    assert all(file.path.rpartition("/")[2].startswith("c-") and file.batch is None for file in listed)
    assert set(names(lake.root)) == {file.path.rpartition("/")[2] for file in listed}
    assert compactor.round(patient=False) == daily(compactor) == 0


def test_the_catalog_says_of_a_compacted_file_what_it_holds(lake, compactor):
    lake.flush(post("a", time_us=NOON_US), post("far", time_us=2**60))
    lake.flush(post("b", time_us=NOON_US + 5))
    arrived = DataFile.objects.get(rows_by_arrival=1)
    lake.flush(post("late", time_us=NOON_US + 7))
    compactor.round(patient=False)
    file = DataFile.objects.get(hour=NOON)
    assert (file.rows, file.min_seen, file.max_seen) == (3, NOON, NOON + timedelta(microseconds=7))
    assert file.min_created == file.max_created == datetime(2026, 7, 1, 11, 59, 59, 123000, UTC)
    assert (file.bytes, file.sha256) == ((lake.root / file.path).stat().st_size, disk.sha256(lake.root / file.path))
    assert DataFile.objects.get(hour=arrived.hour).rows_by_arrival == 1


def test_an_hour_that_is_not_over_or_that_the_flusher_has_not_passed_waits(lake, lake_root):
    now_us = int(datetime.now(UTC).timestamp() * 1e6)
    lake.flush(post("now", time_us=now_us))
    assert make(lake_root).round(patient=False) == 0
    lake.flush(post("long ago", time_us=NOON_US - 9 * HOUR))
    DataFile.objects.filter(max_seen__gt=NOON).update(superseded_at=NOON)  # as if only the old hour were known
    assert make(lake_root, after=3600).round() == 0
    assert make(lake_root, after=0).round() == 1


def test_late_files_join_in_the_daily_pass_only(lake, compactor):
    lake.flush(post("one", time_us=NOON_US))
    compactor.round(patient=False)
    lake.flush(post("two", time_us=NOON_US + HOUR - 1))
    assert compactor.round(patient=False) == 0
    assert daily(compactor) == 1
    assert [row["text"] for row in lake.rows("posts")] == ["one", "two"]
    assert len(names(lake.root)) == 1


def test_a_delete_reaches_files_that_were_compacted_before(lake, compactor):
    lake.flush(post("secret", rkey="a", time_us=NOON_US), post("other hour", rkey="x", time_us=NOON_US - HOUR))
    lake.flush(commit("com.example.thing", {"n": "confided"}, rkey="r", time_us=NOON_US))
    compactor.round(patient=False)
    untouched = DataFile.objects.get(hour=NOON - timedelta(hours=1)).path
    lake.flush(delete("a", time_us=NOON_US + HOUR), delete("r", "com.example.thing", time_us=NOON_US + HOUR))
    assert compactor.round(patient=False) == 1  # the deletes themselves
    assert "secret" in texts(lake.root)
    assert daily(compactor) == 2
    assert "secret" not in texts(lake.root)
    assert "confided" not in texts(lake.root)
    assert states(lake) == {"a": "deleted", "x": None}
    (record,) = lake.rows("records")
    assert (record["collection"], record["record"]) == ("com.example.thing", None)
    assert DataFile.listed.filter(path=untouched).exists()
    assert not Tombstone.objects.filter(applied_at=None).exists()
    assert daily(compactor) == 0


def test_without_purging_text_stays_and_goes_in_the_first_pass_with_it(lake, compactor):
    lake.flush(post("secret", rkey="a"), delete("a"))
    daily(compactor, purge=False)
    (row,) = lake.rows("posts")
    assert (row["text"], row["state"]) == ("secret", "deleted")
    assert DataFile.objects.get(dataset="posts").unpurged == 1
    assert daily(compactor, purge=False) == 0
    assert daily(compactor) == 1
    assert "secret" not in texts(lake.root)
    assert DataFile.objects.get(dataset="posts").unpurged == 0


@pytest.mark.parametrize("status", ["deactivated", "suspended", "takendown", "deleted"])
def test_only_a_deleted_account_loses_its_posts(lake, compactor, status):
    lake.flush(post("hers", did=ALICE), post("his", did=BOB))
    compactor.round(patient=False)
    lake.flush(account(False, status, did=ALICE))
    daily(compactor)
    rows = {row["did"]: (row["state"], row["text"]) for row in lake.rows("posts")}
    assert rows[BOB] == (None, "his")
    assert rows[ALICE] == (("deleted", None) if status == "deleted" else (None, "hers"))
    assert (InactiveAccount.objects.get().applied_at is not None) == (status == "deleted")
    lake.flush(account(True, did=ALICE, seq=2, time="2026-07-02T00:00:00.000Z"), post("back", did=ALICE))
    daily(compactor)
    assert None in [row["state"] for row in lake.rows("posts") if row["did"] == ALICE]


def test_deletes_of_likes_change_no_file(lake, compactor):
    lake.flush(like("at://x/y/z"))
    (row,) = lake.rows("likes")
    lake.flush(delete(row["rkey"], "app.bsky.feed.like"))
    compactor.round(patient=False)
    path = DataFile.objects.get(dataset="likes").path
    assert daily(compactor) == 0
    assert DataFile.objects.get(dataset="likes").path == path
    assert [whole("likes", row) for row in lake.rows("likes")] == [row]


def test_a_version_that_comes_after_its_delete_was_applied_goes_too(lake, compactor):
    lake.flush(delete("a", rev="5"))
    daily(compactor)
    lake.flush(post("secret", rkey="a", rev="4"))
    daily(compactor)
    assert states(lake) == {"a": "deleted"}
    assert "secret" not in texts(lake.root)


def test_tombstones_are_removed_some_days_after_and_made_anew_for_what_comes_later_still(lake, compactor):
    lake.flush(delete("a", rev="5"), post("new", "update", rkey="b", rev="5"))
    daily(compactor)
    assert Tombstone.objects.count() == 2
    Tombstone.objects.update(applied_at=datetime.now(UTC) - timedelta(days=5))
    daily(compactor)
    assert Tombstone.objects.count() == 0
    lake.flush(post("secret", rkey="a", rev="4"), post("old", rkey="b", rev="4"))
    found = set(Tombstone.objects.filter(rev="5").values_list("rkey", "deleted"))
    assert found == {("a", True), ("b", False)}
    daily(compactor)
    assert sorted((row["rkey"], row["rev"], row["state"]) for row in lake.rows("posts")) == [
        ("a", "4", "deleted"),
        ("b", "4", "superseded"),
        ("b", "5", None),
    ]


def test_a_stop_while_files_are_searched_for_deletions_applies_none(lake, lake_root):
    lake.flush(post("secret", rkey="a"))
    make(lake_root).round(patient=False)
    lake.flush(delete("a"))
    asked = iter([True])
    make(lake_root, stop=lambda: next(asked, False)).round(daily=True, patient=False)
    assert Tombstone.objects.filter(applied_at=None).count() == 2
    assert states(lake) == {"a": None}


def test_what_duckdb_spills_stays_until_the_next_start(lake, lake_root):
    """It keeps a folder that it has begun to use, and fails when that is gone."""
    worker, spilled = make(lake_root), lake_root / layout.SCRATCH / SPILL / "duckdb_temp_storage-0.tmp"
    worker.prepare()
    spilled.parent.mkdir(parents=True)
    spilled.write_bytes(b"rows")
    fill(lake)
    worker.round(daily=True, patient=False)
    worker.compact_hour("posts", NOON, purge=True)
    assert [path for path in (lake_root / layout.SCRATCH).rglob("*") if path.is_file()] == [spilled]
    make(lake_root).prepare()
    assert not spilled.exists()


def test_the_flusher_leaves_the_compactors_files_alone(lake, lake_root):
    lake.flush(post("one"))
    make(lake_root, grace=3600).round(patient=False)
    before = {path for path in lake_root.rglob("*") if path.is_file()}
    lake.flusher.prepare()
    assert {path for path in lake_root.rglob("*") if path.is_file()} == before


def test_a_dry_run_says_what_would_be_done_and_does_nothing(lake, lake_root, tmp_path):
    lake.flush(post("one", rkey="a", time_us=NOON_US))
    make(lake_root, grace=0).round(patient=False)
    lake.flush(delete("a", time_us=NOON_US + 1))
    before = {path for path in lake_root.rglob("*") if path.is_file()}, set(DataFile.objects.values_list())
    said = list(Compactor(lake_root, tmp_path / "scratch", 1, 0, 0, lambda: False).would_do())
    assert said == [
        "compact posts 2026-07-01T12: 1 files, 1 rows, deleted",
        "compact deletes 2026-07-01T12: 1 files, 1 rows, closed",
    ]
    assert ({path for path in lake_root.rglob("*") if path.is_file()}, set(DataFile.objects.values_list())) == before


def test_the_age_of_the_oldest_tombstone_grows_until_it_is_applied(lake, compactor):
    lake.flush(post("gone", rkey="gone"))
    lake.flush(delete("gone"))
    compactor.round(patient=False)
    age = (datetime.now(UTC) - Tombstone.objects.earliest("pk").seen).total_seconds()
    first, second = (metrics.OLDEST_TOMBSTONE.collect()[0].samples[0].value for _ in range(2))
    assert age <= first < second < age + 60
    daily(compactor)
    assert metrics.OLDEST_TOMBSTONE.collect()[0].samples[0].value == 0


def test_an_account_that_has_opted_out_is_purged_if_that_is_wished_and_so_is_what_comes_later(lake, compactor):
    lake.flush(post("hers", time_us=NOON_US), post("his", did=BOB, time_us=NOON_US + 1))
    compactor.round(patient=False)
    OptOut.objects.create(did=ALICE, purge=True)
    OptOut.objects.create(did=BOB)
    lake.flush(account(False, "deleted", did=ALICE, time_us=NOON_US + 2))  # on both lists: each row is there once
    assert daily(compactor) == 2
    lake.flush(post("later", time_us=NOON_US + HOUR))
    compactor.round(patient=False)
    assert [(row["did"], row["text"], row["state"]) for row in lake.rows("posts")] == [
        (ALICE, None, "deleted"),
        (BOB, "his", None),
        (ALICE, None, "deleted"),
    ]
    InactiveAccount.objects.all().delete()
    lake.flush(post("much later", time_us=NOON_US + 2 * HOUR))
    compactor.round(patient=False)
    assert lake.rows("posts")[-1]["text"] is None
    assert daily(compactor) == 0
    OptOut.objects.all().delete()
    lake.flush(post("back", time_us=NOON_US + 3 * HOUR))
    compactor.round(patient=False)
    assert lake.rows("posts")[-1]["text"] == "back"
