"""The catalog in numbers."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from lake.catalog import figures
from lake.catalog.figures import MOST_DAYS, WINDOWS, Held, Lake, Minutes, days_left
from lake.models import BatchRun, DataFile, IndexFile
from lake.schema import DATASETS

NOW = datetime(2026, 7, 20, 12, 0, 30, tzinfo=UTC)
GRACE = timedelta(minutes=2)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def batch(started, minutes, state="committed"):
    named = {f"{minute:%Y-%m-%dT%H:%M}": 5 for minute in minutes}
    BatchRun.objects.create(started_at=started, seconds=1, state=state, events=1, minutes=named)


def test_an_empty_lake_is_due_nothing(db):
    assert figures.minutes(NOW, GRACE) == dict.fromkeys(WINDOWS, Minutes(0, 0))


def test_minutes_with_data_are_counted_once_and_only_while_due(db):
    end = NOW - GRACE  # 11:58:30: the minute 11:57 is the newest that is due
    covered = [end - n * MINUTE for n in range(1, 40)]
    batch(end - 50 * MINUTE, covered)
    batch(end, [covered[0], end, end + MINUTE])  # a repeat, and two that are not due yet
    batch(end, [end - 45 * MINUTE], state="failed")
    counted = figures.minutes(NOW, GRACE)
    assert set(counted.values()) == {Minutes(50, 39)}, "from the first batch on"


def test_each_window_ends_at_the_newest_minute_that_is_due(db):
    batch(NOW - 40 * DAY, [NOW - 40 * DAY])
    batch(NOW - 2 * HOUR, [NOW - 2 * HOUR, NOW - 10 * MINUTE, NOW - 20 * DAY])
    batch(NOW - 20 * DAY, [NOW - 20 * DAY, NOW - 31 * DAY])
    assert figures.minutes(NOW, GRACE) == {
        "1h": Minutes(60, 1),
        "6h": Minutes(360, 2),
        "1d": Minutes(1440, 2),
        "3d": Minutes(4320, 2),
        "30d": Minutes(43200, 3),
    }


def test_what_is_fetched_later_counts_as_there(db):
    batch(NOW - DAY, [NOW - DAY])
    missing = figures.minutes(NOW, GRACE)["1h"]
    batch(NOW, [NOW - n * MINUTE for n in range(3, 63)])
    assert (missing.with_data, figures.minutes(NOW, GRACE)["1h"].with_data) == (0, 60)


def test_files_rows_and_bytes_are_of_listed_files(db):
    for number, (dataset, age, gone) in enumerate([("posts", 1, None), ("posts", 300, None), ("likes", 1, NOW)]):
        hour = NOW - age * HOUR
        times = dict.fromkeys(("hour", "min_seen", "max_seen"), hour)
        DataFile.objects.create(
            path=str(number), rows=10, bytes=700, sha256="", dataset=dataset, superseded_at=gone, **times
        )
    for age, gone in ((1, None), (300, None), (2, NOW)):
        hour = NOW - age * HOUR
        IndexFile.objects.create(
            path=f"i{age}", start=hour, end=hour + HOUR, files=[], rows=10, bytes=5, sha256="", superseded_at=gone
        )
    held = figures.lake(NOW)
    assert held.datasets == {name: Held(2, 20, 1400) if name == "posts" else Held(0, 0, 0) for name in DATASETS}
    assert (held.recent_bytes, held.first_hour) == (705, NOW - 300 * HOUR)


@pytest.mark.parametrize(
    ("recent", "age", "days"),
    [
        (7000, 30 * DAY, 10),  # 7,000 in 7 days, 10,000 free
        (7000, DAY, 10 / 7),  # 7,000 in a day
        (7000, timedelta(0), 10 / 7 / 24),  # an hour at least: the first file says little
        (0, 30 * DAY, MOST_DAYS),
        (1, 30 * DAY, MOST_DAYS),
    ],
)
def test_days_left_of_the_disk(recent, age, days):
    assert days_left(10_000, Lake({}, recent, NOW - age), NOW) == pytest.approx(days)


def test_an_empty_lake_fills_no_disk():
    assert days_left(10_000, Lake({}, 0, None), NOW) == MOST_DAYS


@given(st.integers(0, 10**15), st.integers(0, 10**15), st.timedeltas(timedelta(0), timedelta(days=999)))
def test_days_left_are_in_bounds(free, recent, age):
    assert 0 <= days_left(free, Lake({}, recent, NOW - age), NOW) <= MOST_DAYS


def test_compression_is_of_what_is_kept(db):
    lake = Lake({"posts": Held(1, 1000, 50_000)}, 0, None)
    assert figures.compression(lake, NOW) is None
    BatchRun.objects.create(started_at=NOW, seconds=1, state="committed", events=10, bytes_in=5000)
    BatchRun.objects.create(started_at=NOW, seconds=1, state="failed", events=90, bytes_in=90)
    BatchRun.objects.create(started_at=NOW, seconds=1, state="committed", events=90)
    assert figures.compression(lake, NOW) == 10
    assert figures.compression(Lake({}, 0, None), NOW) is None


YEAR = """
    INSERT INTO lake_batchrun (started_at, seconds, state, error, first_id, last_id, events, duplicates, dead_letters,
                               misfits, rows, minutes, bytes_in, bytes_out)
    SELECT strftime('%Y-%m-%d %H:%M:%f000', '2026-07-20 12:00:00', '-' || (value * 5) || ' minutes'), 9,
           'committed', '', '1-1', '2-2', 100000, 0, 0, 0, '{"posts": 100000}', json_object({minutes}), 1, 1
    FROM (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 105120) SELECT * FROM n)
"""


def test_a_year_of_batches_is_counted_in_a_moment(db):
    own = "strftime('%Y-%m-%dT%H:%M', '2026-07-20', '-' || (value * 5) || ' minutes'), 9"
    others = [f"'2026-07-18T00:0{minute}', 9" for minute in range(7)]
    with connection.cursor() as cursor:
        cursor.execute(YEAR.replace("{minutes}", ", ".join([own, *others])))
    began = time.process_time()
    assert figures.minutes(NOW, GRACE)["3d"].with_data > 700
    assert figures.batches() == {"committed": 105_120, "failed": 0}
    assert figures.compression(Lake({"posts": Held(1, 1, 1)}, 0, None), NOW)
    assert time.process_time() - began < 0.7
