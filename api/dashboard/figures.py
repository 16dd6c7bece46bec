"""The figures of the dashboard, each with the list behind it. Pure: from the facts alone."""

from collections.abc import Iterator
from typing import NamedTuple

from django.template.defaultfilters import filesizeformat
from django.urls import reverse

from api.dashboard.facts import Facts
from api.dashboard.needs_action import duration
from lake.schema import DATASETS
from process import records

UNKNOWN = "unknown"


class Figure(NamedTuple):
    label: str
    value: str
    url: str = ""


def groups(facts: Facts) -> list[tuple[str, list[Figure]]]:
    """By title."""
    parts = {"Lag": _lag, "Buffer and batches": _batches, "Lake": _lake, "Disk and upkeep": _upkeep}
    return [(title, list(part(facts))) for title, part in parts.items()]


def _lag(facts: Facts) -> Iterator[Figure]:
    for stage in ("received", "buffered", "searchable"):
        yield Figure(stage, _seconds(facts.value("api_lag_seconds", stage)))
    for window, label in (("1h", "minutes with data, last hour"), ("1d", "last day")):
        due, known = facts.value("api_minutes_due", window), facts.value("api_minutes_with_data", window)
        share = UNKNOWN if due is None or known is None else f"{known:,.0f} of {due:,.0f}"
        yield Figure(label, share, "/api/v1/coverage")
    yield Figure(
        "gaps, ever", _number(facts.value("api_gaps_total")), _list("ingest_connection", "gap_seconds__isempty=0")
    )


def _batches(facts: Facts) -> Iterator[Figure]:
    fill, last = facts.value("api_buffer_fill_ratio"), facts.rows.last
    yield Figure("events in the buffer", _number(facts.value("api_buffer_depth")))
    yield Figure("Redis's memory in use", UNKNOWN if fill is None else f"{fill:.0%}")
    yield Figure("dead letters", _number(facts.value("api_dead_letters")))
    if last is not None:
        ago = duration((facts.now - last.at).total_seconds())
        yield Figure("latest batch", f"{ago} ago: {last.said}", reverse("admin:lake_batchrun_change", args=[last.pk]))
    for state in ("committed", "failed"):
        number = _number(facts.value("api_batches_total", state))
        yield Figure(f"batches {state}, ever", number, _list("lake_batchrun", f"state__exact={state}"))


def _lake(facts: Facts) -> Iterator[Figure]:
    for series, label in (("api_lake_rows", "rows"), ("api_lake_files", "files")):
        yield Figure(label, _number(_sum(facts, series)), reverse("admin:lake_datafile_days"))
    yield Figure("bytes in files", _bytes(_sum(facts, "api_lake_bytes")), reverse("admin:lake_datafile_days"))
    ratio = facts.value("api_compression_ratio")
    yield Figure("JSON to file", UNKNOWN if ratio is None else f"{ratio:.1f} to 1")
    yield Figure("handles known", _number(facts.value("api_handles_known")))
    yield Figure("handles to resolve", _number(facts.value("api_handles_waiting")))


def _upkeep(facts: Facts) -> Iterator[Figure]:
    for disk in ("lake", "catalog"):
        yield Figure(f"free on the disk of the {disk}", _bytes(facts.value("api_disk_free_bytes", disk)))
    days = facts.value("api_disk_days_left", "lake")
    yield Figure("days until the disk is full", UNKNOWN if days is None else f"{days:,.0f}" if days < 1000 else "years")
    for job in records.JOBS:
        age = facts.value("api_job_age_seconds", job)
        ago = UNKNOWN if age is None else f"{duration(age)} ago"
        yield Figure(f"last good {job.replace('_', ' ')}", "never" if job in facts.never else ago)
    oldest = facts.rows.oldest_tombstone
    waits = "none" if oldest is None else duration((facts.now - oldest).total_seconds())
    yield Figure("oldest delete to apply", waits, _list("lake_tombstone", "applied_at__isempty=1"))


def _sum(facts: Facts, series: str) -> float | None:
    held = [facts.value(series, dataset) for dataset in DATASETS]
    return None if None in held else sum(filter(None, held))


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.0f}"


def _bytes(value: float | None) -> str:
    return UNKNOWN if value is None else filesizeformat(value)


def _seconds(value: float | None) -> str:
    return UNKNOWN if value is None else duration(value)


def _list(model: str, query: str) -> str:
    return f"{reverse(f'admin:{model}_changelist')}?{query}"
