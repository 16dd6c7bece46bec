"""How complete the lake is: the minutes of a window that have data, and why others have none."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Max, Min, Q

from ingest.models import Connection
from lake.models import BatchRun, DataFile
from process.instants import iso

MINUTE = timedelta(minutes=1)
MOST_GAPS = 1000
NEVER_ON = "no connection to a host was open"


class Gap(NamedTuple):
    """Minutes [start, end) without a single event. The network sends thousands a minute, so nothing was heard."""

    start: datetime
    end: datetime
    cause: str

    def told(self) -> dict[str, Any]:
        minutes = (self.end - self.start) // MINUTE
        return {"start": iso(self.start), "end": iso(self.end), "minutes": minutes, "why": self.cause}


def coverage(start: datetime | None = None, end: datetime | None = None) -> dict[str, Any]:
    """Of [start, end) as far as the lake reaches: JSON of its minutes, those with data, the events seen in them and the
    gaps. Before the first and after the newest event there is no gap, there is nothing yet."""
    known = BatchRun.objects.filter(state=BatchRun.State.COMMITTED).aggregate(Min("first_seen"), Max("last_seen"))
    first, last = known["first_seen__min"], known["last_seen__max"]
    if first is None or last is None:
        return _to_dict(None, None, 0, {}, [])
    low = _floor(max(first, start) if start else first)
    high = _floor(min(last, end - timedelta(microseconds=1)) if end else last) + MINUTE
    if low >= high:
        return _to_dict(None, None, 0, {}, [])
    minutes = _minutes(low, high)
    gaps = [Gap(*gap, cause(*gap, _connections(*gap))) for gap in gaps_between(low, high, minutes)]
    return _to_dict(low, high, (high - low) // MINUTE, minutes, gaps)


def _minutes(low: datetime, high: datetime) -> dict[datetime, int]:
    """Events by minute of seen, as the batches counted them."""
    runs = BatchRun.objects.filter(state=BatchRun.State.COMMITTED, last_seen__gte=low, first_seen__lt=high)
    found: dict[datetime, int] = {}
    for counted in runs.values_list("minutes", flat=True).iterator():
        for text, rows in counted.items():
            minute = datetime.fromisoformat(text).replace(tzinfo=UTC)
            if low <= minute < high:
                found[minute] = found.get(minute, 0) + rows
    return found


def gaps_between(low: datetime, high: datetime, minutes: Iterable[datetime]) -> list[tuple[datetime, datetime]]:
    """The stretches of [low, high) that none of these minutes covers, in order."""
    gaps, expected = [], low
    for minute in sorted({minute for minute in minutes if low <= minute < high} | {high}):
        if minute > expected:
            gaps.append((expected, minute))
        expected = minute + MINUTE
    return gaps


def _connections(start: datetime, end: datetime) -> list[Connection]:
    """Those that were open at some time from a minute before the gap until its end."""
    still_open = Q(closed_at=None, saved_at__gte=start - MINUTE) | Q(closed_at__gte=start - MINUTE)
    return list(Connection.objects.filter(still_open, opened_at__lt=end).order_by("opened_at"))


def cause(start: datetime, end: datetime, connections: Sequence[Connection]) -> str:
    """One sentence, as far as the journal of connections knows."""
    closed = [f"{row.host}: {row.why_closed}" for row in connections if row.closed_at and row.why_closed]
    silent = [row.host for row in connections if row.closed_at is None or row.closed_at >= end]
    told = [f"connection closed ({text})" for text in dict.fromkeys(closed)]
    if silent:
        told.append(f"connected to {', '.join(dict.fromkeys(silent))}, which sent nothing of this time")
    return "; ".join(told) or NEVER_ON


def _to_dict(
    low: datetime | None, high: datetime | None, total: int, minutes: dict[datetime, int], gaps: Sequence[Gap]
) -> dict[str, Any]:
    return {
        "start": iso(low) if low else None,
        "end": iso(high) if high else None,
        "minutes": total,
        "minutes_with_data": len(minutes),
        "events": sum(minutes.values()),
        "gaps": [gap.told() for gap in gaps[:MOST_GAPS]],
        "gaps_total": len(gaps),
        "newest": _newest(),
    }


def _newest() -> str | None:
    newest = DataFile.listed.aggregate(Max("max_seen"))["max_seen__max"]
    return iso(newest) if newest else None


def _floor(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
