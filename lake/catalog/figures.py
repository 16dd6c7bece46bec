"""What the catalog says of the whole, in numbers: cheap enough to be asked every 10 s."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Count, Max, Min, Q, Sum
from django.db.models.functions import TruncDate

from ingest.models import Connection
from lake.models import BatchRun, DataFile, IndexFile
from lake.schema import DATASETS

MAX_CLOCK_SKEW = timedelta(minutes=1)  # a file that is further ahead has an impossible time and says nothing of lag
MINUTE = timedelta(minutes=1)
WINDOWS = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "1d": timedelta(days=1),
    "3d": timedelta(days=3),
    "30d": timedelta(days=30),
}
LONGEST = max(WINDOWS.values())
AHEAD = timedelta(hours=1)  # at most, of an event before its batch: the minutes of a window are in batches from then on
GROWTH = timedelta(days=7)
HOUR = timedelta(hours=1)
MOST_DAYS = 3650.0
_MINUTES = f"""
    SELECT DISTINCT key FROM {BatchRun._meta.db_table}, json_each(minutes)
    WHERE started_at >= %s AND state = 'committed' AND key >= %s AND key < %s
"""  # noqa: S608 - the name of our own table


class Held(NamedTuple):
    """Of one dataset, in listed files."""

    files: int
    rows: int
    bytes: int


class Lake(NamedTuple):
    """`recent_bytes`: of files and text indexes in hours of the last GROWTH. `first_hour`: None for an empty lake."""

    datasets: dict[str, Held]
    recent_bytes: int
    first_hour: datetime | None

    @property
    def rows(self) -> int:
        return sum(held.rows for held in self.datasets.values())

    @property
    def bytes(self) -> int:
        return sum(held.bytes for held in self.datasets.values())


class Minutes(NamedTuple):
    """`due`: whose events should be in the lake. `with_data`: those of them with any event."""

    due: int
    with_data: int


def lake(now: datetime) -> Lake:
    recent = Q(hour__gte=now - GROWTH)
    rows = list(
        DataFile.listed.order_by()
        .values("dataset")
        .annotate(n=Count("pk"), r=Sum("rows"), b=Sum("bytes"), recent=Sum("bytes", filter=recent), first=Min("hour"))
    )
    held = {row["dataset"]: Held(row["n"], row["r"], row["b"]) for row in rows}
    indexes = IndexFile.listed.filter(start__gte=now - GROWTH).aggregate(bytes=Sum("bytes"))["bytes"] or 0
    return Lake(
        {name: held.get(name, Held(0, 0, 0)) for name in DATASETS},
        sum(row["recent"] or 0 for row in rows) + indexes,
        min((row["first"] for row in rows), default=None),
    )


def newest_seen(now: datetime) -> datetime | None:
    listed: datetime | None = DataFile.listed.filter(max_seen__lte=now + MAX_CLOCK_SKEW).aggregate(
        newest=Max("max_seen")
    )["newest"]
    return listed


def compression(lake: Lake, now: datetime) -> float | None:
    """Bytes of JSON per byte in listed files: their rows times the mean size of the events of the last LONGEST. None
    when there is nothing to compare. Batches of a rebuilt catalog don't know their JSON."""
    batches = BatchRun.objects.filter(state=BatchRun.State.COMMITTED, started_at__gte=now - LONGEST)
    sums = batches.filter(bytes_in__gt=0).aggregate(events=Sum("events"), size=Sum("bytes_in"))
    if not sums["events"] or not lake.bytes:
        return None
    return float(sums["size"] / sums["events"] * lake.rows / lake.bytes)


def days_left(free: int, lake: Lake, now: datetime) -> float:
    """Until so many free bytes are full, at the growth of the last GROWTH; MOST_DAYS at most."""
    if lake.first_hour is None or not lake.recent_bytes:
        return MOST_DAYS
    span = max(HOUR, now - max(lake.first_hour, now - GROWTH))
    return min(MOST_DAYS, free / lake.recent_bytes * (span / timedelta(days=1)))


def batches() -> dict[str, int]:
    """How many there are in each state."""
    counted = dict(BatchRun.objects.order_by().values_list("state").annotate(Count("pk")))
    return {state: counted.get(state, 0) for state in BatchRun.State.values}


def first_batch() -> datetime | None:
    """When it began: by our own clock, since when there is a lake."""
    return BatchRun.objects.order_by("started_at").values_list("started_at", flat=True).first()


def gaps() -> int:
    """Connections that began with a gap."""
    return Connection.objects.filter(gap_seconds__isnull=False).count()


def minutes(now: datetime, grace: timedelta) -> dict[str, Minutes]:
    """By window, of those in WINDOWS. A minute is due `grace` after its end; those before the first batch do not
    count."""
    first = first_batch()
    end = _floor(now - grace)
    if first is None:
        return dict.fromkeys(WINDOWS, Minutes(0, 0))
    known = _with_data(end - LONGEST, end)
    return {name: _within(known, max(_floor(first), end - length), end) for name, length in WINDOWS.items()}


def _with_data(start: datetime, end: datetime) -> list[str]:
    """Minutes in [start, end) with an event, in order, as the batches name them."""
    since = connection.ops.adapt_datetimefield_value(start - AHEAD)
    with connection.cursor() as cursor:
        cursor.execute(_MINUTES, [since, _name(start), _name(end)])
        return sorted(name for (name,) in cursor.fetchall())


def _within(known: Sequence[str], start: datetime, end: datetime) -> Minutes:
    due = max(0, (end - start) // MINUTE)
    return Minutes(due, len(known) - bisect_left(known, _name(start)) if due else 0)


def _name(minute: datetime) -> str:
    return f"{minute:%Y-%m-%dT%H:%M}"


def _floor(time: datetime) -> datetime:
    return time.replace(second=0, microsecond=0)


def stats(start: datetime | None = None, end: datetime | None = None) -> dict[str, Any]:
    """Rows (all versions, the hidden ones too), bytes and files of the hours in [start, end), newest day first."""
    files = DataFile.listed.all()
    files = files.filter(hour__gte=start) if start else files
    files = files.filter(hour__lt=end) if end else files
    sums = {"rows": Sum("rows"), "bytes": Sum("bytes"), "files": Count("pk")}
    days = files.annotate(day=TruncDate("hour")).values("day", "dataset").annotate(**sums).order_by("-day", "dataset")
    totals = files.order_by().values("dataset").annotate(**sums, oldest=Min("min_seen"), newest=Max("max_seen"))
    return {
        "datasets": {row["dataset"]: {**row} for row in totals.order_by("dataset")},
        "days": _by_day(days),
    }


def _by_day(rows: Iterable[Any]) -> list[dict[str, Any]]:
    days: dict[str, dict[str, Any]] = {}
    for row in rows:
        day, dataset = row["day"].isoformat(), row["dataset"]
        counted = {name: row[name] for name in ("rows", "bytes", "files")}
        days.setdefault(day, {"day": day, "datasets": {}})["datasets"][dataset] = counted
    return list(days.values())
