"""Which job is due, from the records of its runs alone. Pure: a restart repeats nothing, a missed night is made up."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from process.records import LastRun

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
SUNDAY = datetime(2023, 1, 1, tzinfo=UTC)


class Job(NamedTuple):
    """`name`: one of process.records.JOBS. `command`: of manage.py, with its arguments. `every`: from one run to the
    next. `again`: from a failed run to the next."""

    name: str
    command: tuple[str, ...]
    every: timedelta
    again: timedelta


def jobs(backup_folder: str, cids: int) -> list[Job]:
    """In the order in which they run when all are due. An empty folder: there is no backup."""
    backup = [Job("backup", ("backup", backup_folder), DAY, HOUR)] if backup_folder else []
    return [
        Job("catalog_check", ("verify_lake", "--quick"), DAY, DAY),
        *backup,
        # A difference is still there an hour later, and to find it again costs as much: next night.
        Job("verification", ("verify_lake", "--cids", str(cids)), WEEK, DAY),
    ]


def first_due(jobs: Iterable[Job], runs: dict[str, LastRun], began: float | None, hour: int, now: float) -> Job | None:
    return next((job for job in jobs if is_due(job, runs[job.name], began, hour, now)), None)


def is_due(job: Job, run: LastRun, began: float | None, hour: int, now: float) -> bool:
    """`began`: the time of the first batch, None: there is nothing to keep up. `hour`: of the day in UTC, at which jobs
    become due; the weekly ones on Sundays. All times in seconds since 1970; later ones than `now` are of a clock that
    was wrong, and count as none."""
    good = began if run.good is None or run.good > now else run.good
    failed = run.failed and run.ended is not None and latest(job.again, hour, now) <= run.ended <= now
    return good is not None and good < latest(job.every, hour, now) and not failed


def latest(every: timedelta, hour: int, now: float) -> float:
    """The latest moment, `now` included, at which something was due that is due each hour, day or week."""
    first, seconds = SUNDAY.timestamp() + hour * HOUR.total_seconds(), every.total_seconds()
    return first + (now - first) // seconds * seconds
