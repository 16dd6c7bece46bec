"""The coverage of an answer's window, against a plain count of the minutes."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lake.catalog import clock
from lake.coverage.minutes import NEVER, KnownMinutes, MinuteCache, minute_cache
from lake.coverage.window import AFTER, BEFORE, EMPTY, MOST_GAPS, coverage_of, runs_without, window_of
from lake.models import BatchRun
from lake.query.spec import LAST_US, Search
from process.instants import microseconds
from tests.builders import NOON_US, post
from tests.examples import one_in

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
NOON_MINUTE = NOON_US // 60_000_000
MINUTES = st.lists(st.integers(0, 40), max_size=12)


def at(minute):
    return NOON + timedelta(minutes=minute)


def batch(*minutes):
    names = {f"{at(minute):%Y-%m-%dT%H:%M}": 1 for minute in minutes}
    BatchRun.objects.create(
        started_at=datetime.now(UTC),
        seconds=0,
        state="committed",
        first_id="1-0",
        last_id="2-0",
        events=1,
        minutes=names,
    )


def told(**search):
    found = coverage_of(Search(**search))
    gaps = [(gap["start"][11:16], gap["end"][11:16], gap["minutes"]) for gap in found["gaps"]]
    return found["complete"], found["minutes"], found["minutes_missing"], gaps


def numbers(known):
    return {known.first + place - NOON_MINUTE for place in (known.since < NEVER).nonzero()[0].tolist()}


@settings(one_in(3))
@given(batches=st.lists(MINUTES, max_size=5), low=st.integers(-5, 45), length=st.integers(0, 30))
def test_minutes_and_gaps_are_those_of_a_plain_count(db, batches, low, length):
    BatchRun.objects.all().delete()
    cache, have = MinuteCache(), set()
    for minutes in batches:
        batch(*minutes)
        have |= set(minutes)
        assert numbers(cache.known()) == have
    lacking = [place for place in range(low, low + length) if place not in have]
    runs = runs_without(cache.known(), NOON_MINUTE + low, NOON_MINUTE + low + length, LAST_US) if length else []
    assert [place - NOON_MINUTE for run in runs for place in range(run.begin, run.end)] == lacking
    assert all(before.end < after.begin or before.why != after.why for before, after in pairwise(runs))


def test_a_window_that_the_data_fill_is_complete(lake):
    lake.flush(*(post(time_us=NOON_US + n * 60_000_000) for n in range(4)))
    assert told() == told(start=at(0), end=at(4)) == (True, 4, 0, [])
    assert told(start=at(1), end=at(2)) == (True, 1, 0, [])


def test_a_window_beyond_the_data_says_how_much_of_it_is_not_there(lake):
    lake.flush(*(post(time_us=NOON_US + n * 60_000_000) for n in (0, 1, 4)))
    gaps = [("11:50", "12:00", 10), ("12:02", "12:04", 2), ("12:05", "12:30", 25)]
    assert told(start=at(-10), end=at(30)) == (False, 40, 37, gaps)
    assert [gap["why"] for gap in coverage_of(Search(start=at(-10), end=at(30)))["gaps"]][::2] == [BEFORE, AFTER]
    assert told(start=at(-10), end=at(30), clock="created") == (False, 15, 12, gaps[:2])


def test_an_answer_of_an_earlier_moment_has_no_later_minutes(lake):
    lake.flush(*(post(time_us=NOON_US + n * 60_000_000) for n in range(6)))
    moment = microseconds(at(2)) + 1
    assert told(snapshot_us=moment) == (True, 3, 0, [])
    assert told(snapshot_us=moment, start=at(0), end=at(6)) == (False, 6, 3, [("12:03", "12:06", 3)])


def test_minutes_that_were_filled_later_are_missing_from_earlier_answers(lake):
    """Also where the data began."""
    lake.flush(*(post(time_us=NOON_US + n * 60_000_000) for n in (2, 5)))
    before = clock.present_us()
    lake.flush(*(post(time_us=NOON_US + n * 60_000_000) for n in (0, 3, 4, 7)))
    assert told(snapshot_us=before) == (False, 4, 2, [("12:03", "12:05", 2)])
    assert (
        told(snapshot_us=clock.present_us()) == told() == (False, 8, 2, [("12:01", "12:02", 1), ("12:06", "12:07", 1)])
    )
    assert told(snapshot_us=before + 1) == (False, 6, 1, [("12:01", "12:02", 1)])


def test_an_empty_lake_has_nothing_of_any_window(db):
    assert coverage_of(Search())["start"] is None
    assert told() == (False, 0, 0, [])
    assert told(start=at(0), end=at(5)) == (False, 5, 5, [("12:00", "12:05", 5)])
    assert coverage_of(Search(start=at(0), end=at(5)))["gaps"][0]["why"] == EMPTY


def test_a_window_of_all_years_costs_no_more_than_the_data(lake):
    lake.flush(post(time_us=NOON_US))
    found = coverage_of(Search(start=datetime.min.replace(tzinfo=UTC), end=datetime.max.replace(tzinfo=UTC)))
    assert (found["start"], found["end"]) == ("0001-01-01T00:00:00Z", "9999-12-31T23:59:00Z")
    assert found["minutes"] - found["minutes_missing"] == 1
    assert found["gaps_total"] == 2


def test_of_many_gaps_the_longest_are_told_in_order(db):
    batch(*(n * n for n in range(20)))
    found = coverage_of(Search())
    assert found["gaps_total"] == 18
    assert [gap["minutes"] for gap in found["gaps"]] == [2 * n for n in range(9, 19)]
    assert len(found["gaps"]) == MOST_GAPS


def test_another_catalog_is_read_anew(db):
    batch(1, 2)
    batch(3)
    assert numbers(minute_cache().known()) == {1, 2, 3}
    BatchRun.objects.all().delete()
    assert numbers(minute_cache().known()) == set()
    batch(7)
    assert numbers(minute_cache().known()) == {7}


@pytest.mark.parametrize(
    ("search", "window"),
    [
        (Search(), (NOON_MINUTE, NOON_MINUTE + 3)),
        (Search(start=at(1) + timedelta(seconds=30)), (NOON_MINUTE + 1, NOON_MINUTE + 3)),
        (Search(end=at(1) + timedelta(seconds=30)), (NOON_MINUTE, NOON_MINUTE + 2)),
        (Search(end=at(1), clock="created"), (NOON_MINUTE, NOON_MINUTE + 3)),
    ],
)
def test_a_window_has_whole_minutes(search, window):
    assert window_of(search, KnownMinutes(NOON_MINUTE, np.zeros(3, np.int64), 0, 1)) == window
