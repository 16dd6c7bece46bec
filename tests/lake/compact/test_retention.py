"""Whole hours go when an administrator says so, and nothing else does."""

from datetime import UTC, datetime, timedelta

import pytest

from lake.catalog.listing import ListedFile
from lake.compact import retention
from lake.compact.compactor import Compactor
from lake.models import DataFile, Retention
from lake.storage import layout
from tests.builders import like, post

HOUR = 3_600_000_000
NOW = datetime(2026, 7, 10, 12, 30, tzinfo=UTC)


@pytest.fixture
def compactor(lake_root):
    return Compactor(lake_root, lake_root / layout.SCRATCH, 1, 0, 0, lambda: False)


def daily(compactor):
    compactor.round(daily=True, patient=False)


def now_us():
    return int(datetime.now(UTC).timestamp() * 1e6)


def kept(dataset="posts"):
    return DataFile.listed.filter(dataset=dataset).count()


def listed(dataset, hour):
    return ListedFile(dataset, hour, f"{dataset}/{hour}", 1, 1, 0, 0)


def test_an_hour_is_expired_when_all_of_it_is_older():
    edge = datetime(2026, 7, 3, 12, tzinfo=UTC)
    hours = [edge + timedelta(hours=number) for number in (-2, -1, 0, 1)]
    files = [listed(dataset, hour) for dataset in ("posts", "likes") for hour in hours]
    assert [file.hour for file in retention.expired(files, {"posts": 7}, NOW)] == hours[:2]
    assert retention.expired(files, {}, NOW) == []


def test_it_is_off_by_default(lake, compactor):
    lake.flush(post("old", time_us=now_us() - 9 * 24 * HOUR))
    Retention.objects.create(dataset="posts")
    Retention.objects.create(dataset="likes", days=1)
    daily(compactor)
    daily(compactor)
    assert kept() == 1


def test_new_days_are_announced_first_and_hold_from_the_next_pass_on(lake, compactor, caplog):
    lake.flush(post("old", time_us=now_us() - 9 * 24 * HOUR), post("young", time_us=now_us() - 6 * 24 * HOUR))
    lake.flush(like("at://x/y/z", time_us=now_us() - 9 * 24 * HOUR))
    Retention.objects.create(dataset="posts", days=7)
    daily(compactor)
    assert kept() == 2
    assert "the next pass will remove" in caplog.text
    daily(compactor)
    assert [row["text"] for row in lake.rows("posts")] == ["young"]
    assert kept("likes") == 1
    assert len(list((lake.root / "posts").rglob("*.parquet"))) == 1
    assert len(list((lake.root / "posts").rglob("hour=*"))) == 1
    Retention.objects.update(days=5)
    daily(compactor)
    assert kept() == 1
    daily(compactor)
    assert kept() == 0


def test_it_removes_nothing_that_is_not_listed(lake, compactor):
    lake.flush(post("old", time_us=now_us() - 9 * 24 * HOUR))
    stranger = (lake.root / DataFile.objects.get().path).parent / "mine.txt"
    stranger.write_text("not the lake's")
    Retention.objects.create(dataset="posts", days=7, announced=7)
    daily(compactor)
    assert kept() == 0
    assert stranger.exists()


def test_the_start_tells_how_long_the_disk_will_do(lake, compactor, caplog):
    caplog.set_level("INFO")
    lake.flush(post("one"))
    compactor.prepare()
    assert "days_left" in caplog.text


def test_days_of_the_environment_hold_where_the_admin_has_no_rule(lake, compactor, settings):
    settings.RETENTION_DAYS = {"posts": 7, "likes": 7}
    Retention.objects.create(dataset="likes")
    lake.flush(post("old", time_us=now_us() - 9 * 24 * HOUR), like("at://x/y/z", time_us=now_us() - 9 * 24 * HOUR))
    assert retention.rules() == {"posts": 7}
    daily(compactor)
    assert (kept(), kept("likes")) == (1, 1)
    assert Retention.objects.get(dataset="posts").days == 7
    daily(compactor)
    assert (kept(), kept("likes")) == (0, 1)
    Retention.objects.filter(dataset="posts").update(days=None)
    assert retention.rules() == {}
