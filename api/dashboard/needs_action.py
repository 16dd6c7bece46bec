"""What needs somebody now, and what to do. Pure: from the facts alone. The limits are those of the alerts."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple

from django.urls import reverse

from api.dashboard.facts import Facts, Row

# deploy/prometheus/rules/alerts.yml has the same: JobOverdue, TombstonesOld, DiskLow, DeadLettersNearCap
OVERDUE = {
    "backup": timedelta(hours=36),
    "catalog_check": timedelta(hours=36),
    "verification": timedelta(days=8),
}
JOB_COMMANDS = {
    "backup": "manage.py backup DIR",
    "catalog_check": "manage.py verify_lake --quick",
    "verification": "manage.py verify_lake --cids 1000",
}
PURGE_LATE = timedelta(hours=24)
DISK_LOW = 0.15
DISK_DAYS = 7.0

PAGES = {  # where one looks when a component is at fault, if the admin has it
    "stream": "admin:ingest_connection_changelist",
    "flusher": "admin:lake_batchrun_changelist",
    "lake": "admin:lake_datafile_changelist",
}


class Item(NamedTuple):
    """`part`: what it is about. `what`: a sentence. `advice`: what to do, if `what` does not say it. `url`: the row, or
    the list."""

    part: str
    what: str
    advice: str = ""
    url: str = ""


def items(facts: Facts) -> list[Item]:
    """The gravest first."""
    sources = (_components, _batches, _gaps, _requests, _dead_letters, _jobs, _purge, _disks, _orphans)
    return [item for source in sources for item in source(facts)]


def _components(facts: Facts) -> Iterator[Item]:
    for name, state in facts.components.items():
        if not state.ok:
            yield Item(name, state.message, url=reverse(PAGES[name]) if name in PAGES else "")


def _batches(facts: Facts) -> Iterator[Item]:
    advice = "Mend the cause: the flusher then tries again by itself. Nothing is lost, its events are in the buffer."
    yield from _of_rows("batch failed", facts.rows.failed_batches, advice, "admin:lake_batchrun_change")


def _gaps(facts: Facts) -> Iterator[Item]:
    advice = "Events of that time may be missing. /api/v1/coverage lists the minutes."
    yield from _of_rows("gap", facts.rows.gaps, advice, "admin:ingest_connection_change")


def _requests(facts: Facts) -> Iterator[Item]:
    yield from _of_rows("request failed", facts.rows.requests, "", "admin:lake_request_change")
    yield from _of_rows("request waits", facts.rows.waiting, "", "admin:lake_request_change")


def _of_rows(part: str, rows: Sequence[Row], advice: str, view: str) -> Iterator[Item]:
    for row in rows:
        yield Item(part, f"{row.at:%Y-%m-%d %H:%M} UTC: {row.said}", advice, reverse(view, args=[row.pk]))


def _dead_letters(facts: Facts) -> Iterator[Item]:
    count = facts.value("api_dead_letters") or 0
    if count:
        advice = (
            "Read them with manage.py inspect_buffer --dead-letters. After an update that can: the same with --replay."
        )
        yield Item("dead letters", f"{count:,.0f} frames are no events, or could not be written.", advice)


def _jobs(facts: Facts) -> Iterator[Item]:
    for job, limit in OVERDUE.items():
        age, name, command = facts.value("api_job_age_seconds", job) or 0.0, job.replace("_", " "), JOB_COMMANDS[job]
        if facts.value("api_job_failed", job):
            yield Item(name, f"The latest {name} has failed.", f"Run it again, and read its lines: {command}")
        elif age > limit.total_seconds():
            what = f"The last good {name} is {duration(age)} old."
            if job in facts.never:
                what = f"There was no good {name} yet, and the first batch is {duration(age)} old."
            yield Item(name, what, f"See whether maintain_lake runs, or run it by hand: {command}")


def _purge(facts: Facts) -> Iterator[Item]:
    oldest = facts.rows.oldest_tombstone
    if oldest is not None and facts.now - oldest > PURGE_LATE:
        age = duration((facts.now - oldest).total_seconds())
        advice = "Ask for it: Requests, Compact all that is due. The flag purge_deleted must be on."
        url = reverse("admin:lake_request_add") + "?kind=compact"
        yield Item("deletes", f"The oldest delete that is not in the files is {age} old.", advice, url)


def _disks(facts: Facts) -> Iterator[Item]:
    for disk in ("catalog", "lake"):
        free, size = facts.value("api_disk_free_bytes", disk), facts.value("api_disk_size_bytes", disk)
        if free is not None and size and free / size < DISK_LOW:
            yield Item(
                "disk", f"Only {free / size:.0%} of the disk of the {disk} are free.", "Remove what is not ours."
            )
    days = facts.value("api_disk_days_left", "lake")
    if days is not None and days < DISK_DAYS:
        yield Item("disk", f"The disk of the lake is full in {days:.1f} days.", "A larger disk, or a retention.")


def _orphans(facts: Facts) -> Iterator[Item]:
    if facts.note:
        yield Item("orphans", facts.note)


def duration(seconds: float) -> str:
    """`38 s`, `12 min`, `5.2 h`, `3.1 days`."""
    for length, unit in ((86_400 * 2, "days"), (7_200, "h"), (300, "min")):
        if seconds >= length:
            size = {"days": 86_400, "h": 3_600, "min": 60}[unit]
            return f"{seconds / size:,.0f} {unit}" if unit == "min" else f"{seconds / size:,.1f} {unit}"
    return f"{max(0.0, seconds):,.0f} s"
