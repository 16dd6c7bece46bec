"""How complete the lake is: the minutes of a window that have data, and why others have none."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Max, Min, Q

from ingest.models import Connection
from lake.catalog import listing
from lake.models import BatchRun
from process.instants import iso

MINUTE = timedelta(minutes=1)
MOST_GAPS = 1000
BEFORE = timedelta(seconds=90)  # a killed consumer was last saved up to 10 s before the last minute with events
NEVER_ON = "no connection to a host is recorded for this time"


class Gap(NamedTuple):
    """Minutes [start, end) without a single event. The network sends thousands a minute: none was received."""

    start: datetime
    end: datetime
    cause: str

    def to_dict(self) -> dict[str, Any]:
        minutes = (self.end - self.start) // MINUTE
        return {"start": iso(self.start), "end": iso(self.end), "minutes": minutes, "why": self.cause}


def coverage(start: datetime | None = None, end: datetime | None = None) -> dict[str, Any]:
    """JSON of the minutes of [start, end): how many, those with data, the events seen in them, and the gaps. Minutes
    before the first event and after the newest one are not counted."""
    known = BatchRun.objects.filter(state=BatchRun.State.COMMITTED).aggregate(Min("first_seen"), Max("last_seen"))
    first, last = known["first_seen__min"], known["last_seen__max"]
    if first is None or last is None:
        return _to_dict(None, None, 0, {}, [])
    low = _floor(max(first, start) if start else first)
    high = _floor(min(last, end - timedelta(microseconds=1)) if end else last) + MINUTE
    if low >= high:
        return _to_dict(None, None, 0, {}, [])
    minutes = _minutes(low, high)
    now = datetime.now(UTC)
    gaps = [Gap(*gap, why(*gap, now)) for gap in gaps_between(low, high, minutes)]
    return _to_dict(low, high, (high - low) // MINUTE, minutes, gaps)


def _minutes(low: datetime, high: datetime) -> dict[datetime, int]:
    """Events by minute of seen, as the batches counted them."""
    runs = BatchRun.objects.filter(state=BatchRun.State.COMMITTED, last_seen__gte=low, first_seen__lt=high)
    events: dict[datetime, int] = {}
    for counted in runs.values_list("minutes", flat=True).iterator():
        for text, rows in counted.items():
            minute = datetime.fromisoformat(text).replace(tzinfo=UTC)
            if low <= minute < high:
                events[minute] = events.get(minute, 0) + rows
    return events


def gaps_between(low: datetime, high: datetime, minutes: Iterable[datetime]) -> list[tuple[datetime, datetime]]:
    """The parts of [low, high) that none of these minutes covers, in order."""
    gaps, expected = [], low
    for minute in sorted({minute for minute in minutes if low <= minute < high} | {high}):
        if minute > expected:
            gaps.append((expected, minute))
        expected = minute + MINUTE
    return gaps


def _connections(start: datetime, end: datetime) -> list[Connection]:
    """Those that were open at some time from BEFORE the gap until its end."""
    until_then = Q(closed_at=None, saved_at__gte=start - BEFORE) | Q(closed_at__gte=start - BEFORE)
    return list(Connection.objects.filter(until_then, opened_at__lt=end).order_by("opened_at"))


def why(start: datetime, end: datetime, now: datetime) -> str:
    """Why there is nothing of [start, end), as the journal of connections tells now."""
    return cause(start, end, _connections(start, end), now)


def cause(start: datetime, end: datetime, connections: Sequence[Connection], now: datetime) -> str:
    """One sentence, from the journal of connections as of now."""
    closed, silent, again = [], [], []
    for row in connections:
        ended = row.end(now)
        if ended is not None and ended[0] < end:
            closed.append(f"connection closed ({row.host}: {ended[1]})")
        elif row.opened_at < start + MINUTE:
            silent.append(row.host)
        else:
            again.append(f"connected to {row.host} from {iso(row.opened_at)} on, which sent nothing of the time before")
    causes = [*dict.fromkeys(closed), *([_silence(silent)] if silent else []), *dict.fromkeys(again)]
    return "; ".join(causes) or NEVER_ON


def _silence(hosts: Sequence[str]) -> str:
    return f"connected to {', '.join(dict.fromkeys(hosts))}, which sent nothing of this time"


def _to_dict(
    low: datetime | None, high: datetime | None, total: int, minutes: dict[datetime, int], gaps: Sequence[Gap]
) -> dict[str, Any]:
    newest = listing.newest_seen()
    return {
        "start": iso(low) if low else None,
        "end": iso(high) if high else None,
        "minutes": total,
        "minutes_with_data": len(minutes),
        "events": sum(minutes.values()),
        "gaps": [gap.to_dict() for gap in gaps[:MOST_GAPS]],
        "gaps_total": len(gaps),
        "newest": iso(newest) if newest else None,
    }


def _floor(time: datetime) -> datetime:
    return time.replace(second=0, microsecond=0)
