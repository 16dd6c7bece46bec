"""Reads what the dashboard shows: the components, the series of /metrics, and the latest rows of the catalog."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db.utils import DatabaseError

from api.answers import service_state
from api.health import readings
from api.health.components import verdicts
from api.health.processes import State
from ingest.models import Connection
from lake.catalog.command_requests import whereabouts
from lake.compact.tombstones import oldest_unapplied
from lake.models import BatchRun, Request
from process import records

RECENT = timedelta(hours=24)
MOST = 5  # rows of one kind
LOOKED_AT = 50  # batches
PATIENCE = timedelta(seconds=10)  # a request that waits longer is worth a line


class Row(NamedTuple):
    """A row of the catalog that is worth a look."""

    pk: int
    at: datetime
    said: str


class Rows(NamedTuple):
    """The latest first, MOST of each kind. `failed_batches`: those after the latest committed one, which is `last`.
    `requests`: that have failed, and `waiting`: for a while."""

    failed_batches: tuple[Row, ...] = ()
    gaps: tuple[Row, ...] = ()
    requests: tuple[Row, ...] = ()
    waiting: tuple[Row, ...] = ()
    last: Row | None = None
    oldest_tombstone: datetime | None = None


class Facts(NamedTuple):
    """`series`: of /metrics, by name and labels; what could not be read is missing. `note`: of the lake. `never`: jobs
    that have never ended well."""

    now: datetime
    components: Mapping[str, State]
    series: Mapping[tuple[str, tuple[str, ...]], float]
    note: str
    rows: Rows
    never: frozenset[str] = frozenset()

    def value(self, name: str, *labels: str) -> float | None:
        return self.series.get((name, labels))


def read(now: datetime | None = None) -> Facts:
    """Never raises for what is down: that is what it shows."""
    now = now or datetime.now(UTC)
    found = readings.take()
    series = {(name, labels): value for name, labels, value in service_state.samples(now)}
    never = frozenset(job for job in records.JOBS if records.last_run(job).good is None)
    return Facts(now, verdicts(found), series, found.lake.note, _rows(now), never)


def _rows(now: datetime) -> Rows:
    try:
        failed, last = _batches()
        return Rows(failed, _gaps(now), _failed_requests(now), _waiting(now), last, oldest_unapplied())
    except DatabaseError:
        return Rows()


def _batches() -> tuple[tuple[Row, ...], Row | None]:
    """Of the latest LOOKED_AT: those that have failed since the last that was committed, and this."""
    latest = BatchRun.objects.only("started_at", "state", "error", "events", "seconds").order_by("-started_at")
    failed: list[Row] = []
    for run in latest[:LOOKED_AT]:
        if run.state == BatchRun.State.COMMITTED:
            return tuple(failed[:MOST]), Row(run.pk, run.started_at, f"{run.events:,} events in {run.seconds:,.1f} s")
        failed.append(Row(run.pk, run.started_at, run.error))
    return tuple(failed[:MOST]), None


def _failed_requests(now: datetime) -> tuple[Row, ...]:
    found = Request.objects.filter(state=Request.State.FAILED, asked_at__gte=now - RECENT)[:MOST]
    return tuple(Row(one.pk, one.asked_at, f"{one.get_kind_display()}: {one.result}") for one in found)


def _waiting(now: datetime) -> tuple[Row, ...]:
    found = Request.objects.filter(state__in=Request.OPEN, asked_at__lt=now - PATIENCE)[:MOST]
    return tuple(Row(one.pk, one.asked_at, f"{one.get_kind_display()}: {whereabouts(one)}") for one in found)


def _gaps(now: datetime) -> tuple[Row, ...]:
    found = Connection.objects.filter(gap_seconds__isnull=False, opened_at__gte=now - RECENT).order_by("-opened_at")
    return tuple(Row(one.pk, one.opened_at, f"{one.gap_seconds:,.0f} s, {one.host}") for one in found[:MOST])
