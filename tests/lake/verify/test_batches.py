"""The rows that batches counted are those that the files hold."""

from datetime import UTC, datetime

from lake.models import BatchRun, DataFile, Retention
from lake.verify.batches import BatchChecks
from lake.verify.checked_lake import CheckedLake
from lake.verify.findings import Report
from tests.builders import NOON_US, like, post
from tests.lake.verify.lakes import found, listed_twice

HOUR_US = 3_600_000_000


def test_rows_that_went_missing_are_counted(lake):
    lake.flush(post("one"), post("two"), like("at://x/y/z"))
    lake.flush(post("three", time_us=NOON_US + HOUR_US))
    assert found(lake, BatchChecks) == []
    DataFile.objects.filter(dataset="posts").order_by("hour").last().delete()
    assert [line.partition(";")[0] for line in found(lake, BatchChecks)] == [
        "hour 2026-07-01 13:00: lacks 1 of the 1 rows that batches wrote",
        "posts: lacks 1 of the 3 rows that batches wrote",
    ]


def test_rows_that_no_batch_wrote_are_counted(lake):
    lake.flush(post("one"), post("two"))
    listed_twice(lake)
    assert [line.partition(";")[0] for line in found(lake, BatchChecks)] == [
        "hour 2026-07-01 12:00: holds 2 rows more than the 2 that batches wrote",
        "posts: holds 2 rows more than the 2 that batches wrote",
    ]


def test_what_retention_removed_is_no_loss(lake):
    lake.flush(post("one"), like("at://x/y/z"))
    DataFile.objects.filter(dataset="likes").delete()
    assert len(found(lake, BatchChecks)) == 2
    Retention.objects.create(dataset="likes", days=7)
    assert found(lake, BatchChecks) == []


def test_entries_that_came_to_nothing_are_named(lake):
    lake.flush(post("one"), post("two"))
    BatchRun.objects.update(events=5)
    (line,) = found(lake, BatchChecks)
    assert "took 5 entries, which became 2 rows, 0 duplicates and 0 dead letters" in line


def test_failed_batches_are_noted_and_are_no_difference(lake):
    lake.flush(post("one"))
    for number in range(25):
        BatchRun.objects.create(
            started_at=datetime.now(UTC), seconds=1, state="failed", error=f"no {number}", first_id="1-0",
            last_id="2-0", events=1,
        )  # fmt: skip
    report = Report()
    tasks = BatchChecks(CheckedLake(lake.root, lake.engine, report)).tasks()
    assert [finding for task in tasks for finding in task.check()] == []
    assert len(report.notes) == 21
    assert report.notes[0].endswith("and was retried: no 24")
    assert report.notes[-1] == "5 earlier batches failed too"
