"""When a job is due: once in its time, at its hour, also after a missed night, and not in a loop when it fails."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.upkeep.schedule import DAY, HOUR, WEEK, Job, first_due, is_due, jobs, latest
from process.records import JOBS, LastRun

DAILY, WEEKLY = Job("catalog_check", (), DAY, DAY), Job("verification", (), WEEK, DAY)
BACKUP = Job("backup", (), DAY, HOUR)
NEVER = LastRun(None, False, None)
HOUR_OF_DAY = 4


def at(text):
    """Of a week in July 2026: "Sun 04:00"."""
    day, time = text.split()
    days = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat").index(day)
    hours, minutes = map(int, time.split(":"))
    return (datetime(2026, 7, 5, tzinfo=UTC) + timedelta(days=days, hours=hours, minutes=minutes)).timestamp()


def good(text):
    return LastRun(at(text), False, at(text))


def failed(text, last_good="Sun 05:00"):
    return LastRun(at(last_good), True, at(text))


@pytest.mark.parametrize(
    ("job", "run", "now", "due"),
    [
        (DAILY, good("Mon 04:10"), "Mon 23:00", False),
        (DAILY, good("Mon 04:10"), "Tue 03:59", False),
        (DAILY, good("Mon 04:10"), "Tue 04:00", True),
        (DAILY, good("Mon 04:10"), "Tue 17:00", True),  # the night was missed
        (DAILY, good("Tue 17:05"), "Tue 18:00", False),  # and made up
        (DAILY, good("Tue 17:05"), "Wed 04:00", True),
        (WEEKLY, good("Sun 05:00"), "Sat 23:00", False),
        (WEEKLY, good("Mon 05:00"), "Sat 23:00", False),
        (WEEKLY, NEVER, "Sun 03:00", False),
        (WEEKLY, NEVER, "Sun 04:00", True),
        (DAILY, failed("Mon 04:10"), "Mon 04:11", False),
        (DAILY, failed("Mon 04:10"), "Tue 04:00", True),
        (WEEKLY, failed("Sun 06:00", "Sun 03:00"), "Sun 22:00", False),
        (WEEKLY, failed("Sun 06:00", "Sun 03:00"), "Mon 04:00", True),
        (BACKUP, failed("Mon 04:10"), "Mon 04:59", False),
        (BACKUP, failed("Mon 04:10"), "Mon 05:00", True),
        (DAILY, good("Thu 04:10"), "Tue 05:00", True),  # a clock that was ahead
        (DAILY, failed("Thu 04:10"), "Tue 05:00", True),
    ],
)
def test_a_job_is_due_once_in_its_time(job, run, now, due):
    assert is_due(job, run, at("Sun 00:00"), HOUR_OF_DAY, at(now)) is due


def test_nothing_is_due_before_there_is_anything_to_keep():
    assert not is_due(DAILY, NEVER, None, HOUR_OF_DAY, at("Fri 12:00"))


TIMES = st.integers(1_700_000_000, 1_900_000_000).map(float)
RUNS = st.builds(LastRun, st.none() | TIMES, st.booleans(), st.none() | TIMES)
JOBS_OF_ALL_KINDS = st.sampled_from([DAILY, WEEKLY, BACKUP])
HOURS = st.integers(0, 23)


@given(JOBS_OF_ALL_KINDS, HOURS, TIMES, st.floats(0, 1))
def test_a_good_run_is_the_only_one_until_the_next_time(job, hour, now, share):
    later = latest(job.every, hour, now) + job.every.total_seconds()
    run = LastRun(now, False, now)
    assert not is_due(job, run, now - 1e9, hour, max(now, now + (later - now) * share - 1))
    assert is_due(job, run, now - 1e9, hour, later)


@given(JOBS_OF_ALL_KINDS, HOURS, TIMES, RUNS, TIMES)
def test_a_failed_run_is_not_repeated_at_once_and_repeated_in_time(job, hour, now, run, began):
    after = LastRun(run.good, True, now)
    assert not is_due(job, after, began, hour, now)
    later = now + job.again.total_seconds()
    if is_due(job, run._replace(failed=False), began, hour, now):
        assert is_due(job, after, began, hour, later)


@given(st.sampled_from([HOUR, DAY, WEEK]), HOURS, TIMES)
def test_the_latest_time_is_at_the_hour_and_not_later_than_now(every, hour, now):
    moment = latest(every, hour, now)
    assert moment <= now < moment + every.total_seconds()
    utc = datetime.fromtimestamp(moment, UTC)
    assert (utc.minute, utc.second) == (0, 0)
    assert every == HOUR or utc.hour == hour
    assert every != WEEK or utc.weekday() == 6


def test_without_a_folder_there_is_no_backup():
    assert [job.name for job in jobs("", 7)] == ["catalog_check", "verification"]
    assert sorted(job.name for job in jobs("/backup", 7)) == sorted(JOBS)
    assert {job.name: job.command for job in jobs("/backup", 7)}["backup"] == ("backup", "/backup")


def test_the_cheap_check_comes_before_the_backup():
    runs = dict.fromkeys(JOBS, NEVER)
    chosen = []
    while job := first_due(jobs("/backup", 7), runs, at("Sun 00:00"), HOUR_OF_DAY, at("Sun 05:00")):
        chosen.append(job.name)
        runs[job.name] = good("Sun 05:00")
    assert chosen == ["catalog_check", "backup", "verification"]
