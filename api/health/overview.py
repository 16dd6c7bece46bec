"""The state of the service for people: how far behind it is, what it did last, and what it holds."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from api.answers import service_state
from api.health import readings
from api.health.components import verdicts
from api.health.freshness import freshness
from lake.catalog.coverage import coverage
from lake.catalog.figures import stats
from lake.delivery.software import commit
from lake.models import BatchRun
from lake.schema import VERSION
from lake.storage.parquet_writer import SOFTWARE

BATCHES = 12
DAYS = 30
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
LATELY = timedelta(minutes=30)
STAGES = ("received", "buffered", "searchable")


def now(moment: datetime) -> dict[str, Any]:
    """What changes by the second. What can't be read is None, as in the metrics."""
    found = readings.take()
    components = verdicts(found)
    series = {(name, labels): value for name, labels, value in service_state.samples(moment)}
    batches = list(BatchRun.objects.all()[:BATCHES])
    return {
        "at": moment,
        "components": components,
        "freshness": freshness(found, components, readings.newest_seen(), readings.STARTED),
        "lags": {stage: series.get(("api_lag_seconds", (stage,))) for stage in STAGES},
        "depth": series.get(("api_buffer_depth", ())),
        "fill": series.get(("api_buffer_fill_ratio", ())),
        "dead_letters": series.get(("api_dead_letters", ())),
        "days_left": series.get(("api_disk_days_left", ("lake",))),
        "rate": rate([(batch.started_at, batch.events) for batch in batches]),
        "batches": [_batch(batch) for batch in batches],
    }


def rate(batches: Sequence[tuple[datetime, int]]) -> float | None:
    """Events a second of those that began within LATELY of the newest, which is the first; None of fewer than two."""
    lately = [batch for batch in batches if batches[0][0] - batch[0] <= LATELY]
    seconds = (lately[0][0] - lately[-1][0]).total_seconds() if lately else 0
    return sum(events for _, events in lately[:-1]) / seconds if seconds > 0 else None


def _batch(batch: BatchRun) -> dict[str, Any]:
    """Without its error, which may name paths."""
    shown = ("started_at", "seconds", "state", "events", "duplicates", "bytes_in", "bytes_out")
    return {**{name: getattr(batch, name) for name in shown}, "rows": sum(batch.rows.values())}


def held(moment: datetime) -> dict[str, Any]:
    """What the lake holds, and how complete the last days are."""
    first = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - (DAYS - 1) * DAY
    covered = coverage(first)
    return {
        **stats(moment - 14 * DAY),
        "totals": stats()["datasets"],
        "covered": covered,
        "days_covered": list(days_covered(covered, first)),
        "versions": {"software": SOFTWARE, "commit": commit(), "schema": VERSION},
    }


def days_covered(covered: Mapping[str, Any], first: datetime) -> Iterator[dict[str, Any]]:
    """For each of DAYS days: its minutes within the coverage, and how many of them are in a gap."""
    start, end = (datetime.fromisoformat(covered[name]) if covered["start"] else first for name in ("start", "end"))
    gaps = [(datetime.fromisoformat(gap["start"]), datetime.fromisoformat(gap["end"])) for gap in covered["gaps"]]
    for number in range(DAYS):
        low, high = first + number * DAY, first + (number + 1) * DAY
        minutes = _minutes(max(low, start), min(high, end))
        missing = sum(_minutes(max(low, since), min(high, until)) for since, until in gaps)
        yield {"day": low.date(), "minutes": minutes, "missing": missing}


def _minutes(start: datetime, end: datetime) -> int:
    return max(0, (end - start) // MINUTE)
