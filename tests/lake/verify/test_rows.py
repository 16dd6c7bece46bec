"""verify_lake against rows that repeat, deletes that did not reach the files, and batches whose rows are not there.

What it reads is made by the real flusher and the real compactor; what it must find, by breaking their work.
"""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from lake.compact.compactor import Compactor
from lake.models import BatchRun, DataFile, Retention, Tombstone
from lake.storage.duckdb_engine import Engine
from lake.verify import deletions, duplicates
from lake.verify.batches import BatchChecks
from lake.verify.deletions import DeletionChecks, Hours, cut
from lake.verify.duplicates import DuplicateChecks
from lake.verify.runner import Report
from process.instants import now_us
from tests.builders import ALICE, BOB, NOON_US, account, commit, delete, like, post

HOUR_US = 3_600_000_000
MINUTE_US = 60_000_000
TWO_DAYS = timedelta(days=2)


def found(lake, stage_of=None):
    """What each of the stages finds, as lines."""
    report, engine = Report(), Engine("300MB", 1)
    all_ = {"events": DuplicateChecks(lake.root, engine, report), "states": DeletionChecks(lake.root, engine, report)}
    stages = {**all_, "batches": BatchChecks(report)}
    lines = [
        str(finding)
        for name, stage in stages.items()
        if stage_of in (None, name)
        for task in stage.stage().tasks()
        for finding in task.check()
    ]
    engine.close()
    return lines


def compact(lake, tmp_path):
    compactor = Compactor(lake.root, tmp_path / "scratch", 1, after=0, grace=0, stop=lambda: False)
    compactor.prepare()
    return compactor.round(daily=True, patient=False)


def grow_old():
    """All batches were two days ago."""
    BatchRun.objects.update(started_at=datetime.now(UTC) - TWO_DAYS)


def listed_twice(lake, dataset="posts", name="c-7.parquet", **changed):
    """A copy of the dataset's file is listed beside it, as if a swap had listed the new and kept the old."""
    file = DataFile.objects.filter(dataset=dataset).first()
    path = f"{file.path.rpartition('/')[0]}/{name}"
    shutil.copyfile(lake.root / file.path, lake.root / path)
    old = file.path
    file.pk, file.path = None, path
    for key, value in changed.items():
        setattr(file, key, value)
    file.save()
    return old, path


class TestEvents:
    def test_what_flusher_and_compactor_make_is_in_order(self, lake, tmp_path, monkeypatch):
        for hour in range(3):
            at = NOON_US + hour * HOUR_US
            lake.flush(*(post(f"{hour}", time_us=at + number) for number in range(5)), delete("x", time_us=at + 9))
            lake.flush(
                *(post(f"{hour}", time_us=at + number, did=BOB) for number in range(5)),
                account(True, seq=hour, time_us=at),
            )
        grow_old()
        assert found(lake) == []
        compact(lake, tmp_path)
        monkeypatch.setattr(deletions, "WITHIN", -timedelta(minutes=1))
        assert found(lake) == []

    def test_a_file_and_its_successor_are_named_together(self, lake):
        lake.flush(*(post(str(number)) for number in range(3)))
        old, new = listed_twice(lake)
        (line,) = found(lake, "events")
        assert line == (
            f"{new}: holds 3 events that {old} holds too, such as one of {ALICE}; the daily pass of compact_lake makes "
            "them one"
        )

    @pytest.mark.parametrize("minutes", [1, 9])
    def test_a_repeat_in_the_next_hour_is_found_as_far_as_the_fold_reaches(self, lake, minutes):
        """The same event, stamped by another host on the other side of the full hour."""
        at = NOON_US + HOUR_US - 1
        frames = [post("one", time_us=at, rkey="k", rev="3mplhr77buizd")]
        lake.flush(*frames)
        hidden = DataFile.objects.get()
        DataFile.objects.update(superseded_at=datetime.now(UTC))  # so that the flusher does not see it
        lake.flush(post("one", time_us=at + minutes * MINUTE_US, rkey="k", rev="3mplhr77buizd"))
        DataFile.objects.filter(pk=hidden.pk).update(superseded_at=None)
        (line,) = found(lake, "events")
        assert "holds 1 events that" in line
        assert "report it: the flusher should have folded them" in line

    def test_other_versions_are_no_repeats(self, lake):
        lake.flush(
            post("one", rkey="k"), post("two", operation="update", rkey="k"), like("at://x/y/z"), like("at://x/y/z")
        )
        assert found(lake, "events") == []

    def test_an_event_that_came_before_its_time_and_again_in_it(self, lake):
        """Its first row has the time of its arrival, the second its own: hours apart."""
        arrival = now_us()
        early = post("ahead", time_us=arrival + 3 * HOUR_US, rkey="k", rev="3mplhr77buizd")
        lake.flush(early)
        first = DataFile.objects.get()
        assert first.rows_by_arrival == 1
        assert found(lake, "events") == []
        DataFile.objects.update(superseded_at=datetime.now(UTC))
        lake.flush(post("ahead", time_us=arrival - MINUTE_US, rkey="k", rev="3mplhr77buizd"))
        DataFile.objects.filter(pk=first.pk).update(superseded_at=None)
        second = DataFile.objects.exclude(pk=first.pk).get()
        moved = datetime.now(UTC) + timedelta(hours=3)  # as if this batch were of then
        DataFile.objects.filter(pk=second.pk).update(max_seen=moved, min_seen=first.min_seen + timedelta(minutes=30))
        lines = [line for line in found(lake, "events") if "holds 1 events that" in line]
        assert lines

    def test_memory_is_bounded_by_parts(self, lake, monkeypatch):
        """In as many parts as the rows ask for, and still each repeat is found once."""
        lake.flush(*(post(str(number), did=f"did:plc:{number:024}") for number in range(40)))
        listed_twice(lake)
        monkeypatch.setattr(duplicates, "ROWS_AT_ONCE", 16)
        counts = [int(line.split("holds ")[1].split()[0]) for line in found(lake, "events")]
        assert sum(counts) == 40
        assert len(counts) > 1


class TestStates:
    @pytest.fixture
    def at_once(self, monkeypatch):
        """What was compacted a moment ago must show, too."""
        monkeypatch.setattr(deletions, "WITHIN", -timedelta(minutes=1))

    def test_what_is_young_gets_its_time(self, lake):
        lake.flush(post("one", rkey="k"), delete("k"))
        assert found(lake, "states") == []

    @pytest.mark.parametrize("kind", ["post", "profile", "record"])
    def test_a_delete_that_is_a_day_old_must_be_in_the_file(self, lake, at_once, tmp_path, kind):
        collection = {"post": "app.bsky.feed.post", "profile": "app.bsky.actor.profile", "record": "a.b.c"}[kind]
        lake.flush(
            commit(collection, {"text": "mine", "$type": collection}, rkey="k"), commit(collection, {}, rkey="j")
        )
        lake.flush(delete("k", collection))
        (line,) = found(lake, "states")
        assert "has 1 rows with a later delete that are not marked so, the oldest for " in line
        assert f"such as {ALICE}/{collection}/k; run compact_lake --once" in line
        compact(lake, tmp_path)
        assert found(lake, "states") == []

    def test_the_proof_is_the_data_not_the_catalogs_tombstones(self, lake, at_once, tmp_path):
        lake.flush(post("one", rkey="k"))
        lake.flush(delete("k"))
        Tombstone.objects.all().delete()
        compact(lake, tmp_path)
        assert any("with a later delete" in line for line in found(lake, "states"))

    def test_a_delete_of_an_earlier_life_is_none_of_this_one(self, lake):
        lake.flush(delete("k", rev="3mplhr77buiza"))
        lake.flush(post("again", rkey="k", rev="3mplhr77buizd"), post("other", did=BOB, rkey="k"))
        grow_old()
        assert found(lake, "states") == []

    def test_a_replaced_version_must_be_marked(self, lake, at_once, tmp_path):
        lake.flush(post("one", rkey="k"))
        lake.flush(post("two", "update", rkey="k"))
        (line,) = found(lake, "states")
        assert "has 1 rows with a newer version that are not marked so" in line
        compact(lake, tmp_path)
        assert found(lake, "states") == []

    def test_a_deleted_account_takes_its_texts_along(self, lake, at_once, tmp_path):
        lake.flush(post("one"), post("theirs", did=BOB), commit("a.b.c", {"x": 1}))
        lake.flush(account(False, "deleted"))
        assert [line.partition("/")[0] for line in found(lake, "states")] == ["posts", "records"]
        compact(lake, tmp_path)
        assert found(lake, "states") == []

    @pytest.mark.parametrize("status", ["deactivated", "back"])
    def test_an_account_that_is_not_deleted_keeps_its_texts(self, lake, status):
        lake.flush(post("one"))
        if status == "back":
            lake.flush(account(False, "deleted", seq=1, time="2026-07-01T11:00:00.000Z"))
            lake.flush(account(True, seq=2, time="2026-07-01T12:00:00.000Z"))
        else:
            lake.flush(account(False, status))
        grow_old()
        assert found(lake, "states") == []

    def test_rows_that_kept_their_text_are_named_while_purging_is_on(self, lake):
        lake.flush(post("one"))
        DataFile.objects.update(unpurged=3)
        assert any("holds 3 deleted rows with text, purge_deleted is on" in line for line in found(lake, "states"))

    def test_parts_are_of_so_many_rows_and_whole_hours(self, lake, monkeypatch):
        hours = [datetime(2026, 7, 1, hour, tzinfo=UTC) for hour in range(6)]
        rows = [(hours[0], 5), (hours[0], 5), (hours[1], 1), (hours[2], 9), (hours[4], 99), (hours[5], 1)]
        assert cut(rows, 10) == [
            Hours(hours[0], hours[0]),
            Hours(hours[1], hours[2]),
            Hours(hours[4], hours[4]),
            Hours(hours[5], hours[5]),
        ]
        assert cut([], 10) == []

    def test_in_parts_it_finds_the_same(self, lake, monkeypatch):
        for hour in range(4):
            at = NOON_US + hour * HOUR_US
            lake.flush(*(post("x", rkey=f"{hour}-{number}", time_us=at + number) for number in range(3)))
        for hour in range(4):
            at = NOON_US + hour * HOUR_US + MINUTE_US
            lake.flush(*(delete(f"{3 - hour}-{number}", time_us=at + number) for number in range(2)))
        grow_old()
        whole = found(lake, "states")
        monkeypatch.setattr(deletions, "KEYS_AT_ONCE", 2)
        monkeypatch.setattr(deletions, "ROWS_AT_ONCE", 3)
        # a delete kills by rev, which is of the clock here: those of later hours
        assert sorted(found(lake, "states")) == sorted(whole) != []


class TestBatches:
    def test_rows_that_went_missing_are_counted(self, lake):
        lake.flush(post("one"), post("two"), like("at://x/y/z"))
        lake.flush(post("three", time_us=NOON_US + HOUR_US))
        assert found(lake, "batches") == []
        DataFile.objects.filter(dataset="posts").order_by("hour").last().delete()
        assert [line.partition(";")[0] for line in found(lake, "batches")] == [
            "hour 2026-07-01 13:00: lacks 1 of the 1 rows that batches wrote",
            "posts: lacks 1 of the 3 rows that batches wrote",
        ]

    def test_rows_that_nobody_wrote_are_counted(self, lake):
        lake.flush(post("one"), post("two"))
        listed_twice(lake)
        assert [line.partition(";")[0] for line in found(lake, "batches")] == [
            "hour 2026-07-01 12:00: holds 2 rows more than the 2 that batches wrote",
            "posts: holds 2 rows more than the 2 that batches wrote",
        ]

    def test_what_retention_removed_is_no_loss(self, lake):
        lake.flush(post("one"), like("at://x/y/z"))
        DataFile.objects.filter(dataset="likes").delete()
        assert len(found(lake, "batches")) == 2
        Retention.objects.create(dataset="likes", days=7)
        assert found(lake, "batches") == []

    def test_entries_that_came_to_nothing_are_named(self, lake):
        lake.flush(post("one"), post("two"))
        BatchRun.objects.update(events=5)
        (line,) = found(lake, "batches")
        assert "took 5 entries, of which came 2 rows, 0 duplicates and 0 dead letters" in line

    def test_failed_batches_are_told_and_are_no_difference(self, lake):
        lake.flush(post("one"))
        for number in range(25):
            BatchRun.objects.create(
                started_at=datetime.now(UTC), seconds=1, state="failed", error=f"no {number}", first_id="1-0",
                last_id="2-0", events=1,
            )  # fmt: skip
        report = Report()
        BatchChecks(report).stage().tasks()
        assert found(lake, "batches") == []
        assert len(report.notes) == 21
        assert report.notes[0].endswith("and was tried again: no 24")
        assert report.notes[-1] == "5 batches before these failed, too"
