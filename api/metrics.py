"""The state of the whole service for Prometheus, read from Redis and the catalog at each scrape, so that it is true
while the consumer and the flusher are down. What can't be read is left out; the scrape always answers."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple

import structlog
from django.conf import settings
from django.db.models import Max, Sum
from django.db.utils import DatabaseError
from prometheus_client import REGISTRY, Metric
from prometheus_client.registry import Collector

from ingest.buffer.redis_stream import Buffer, BufferUnavailable, BufferUnsafe
from ingest.handles.lookup import Handles
from ingest.models import Connection
from lake.models import BatchRun, DataFile
from lake.schema import DATASETS

log = structlog.get_logger("metrics")

REDIS_SECONDS = 0.4  # for one reply: a scrape must be over in 2 s, whatever Redis does
DAY = timedelta(days=1)
MAX_CLOCK_SKEW = timedelta(minutes=1)  # a file that is further ahead has an impossible time and says nothing of lag


class Series(NamedTuple):
    """`name`: without _total. `label`: the only label, or empty."""

    name: str
    kind: str
    label: str
    meaning: str


def _gauge(name: str, meaning: str, label: str = "") -> Series:
    return Series(name, "gauge", label, meaning)


def _counter(name: str, meaning: str, label: str = "") -> Series:
    return Series(name, "counter", label, meaning)


Sample = tuple[str, str, float]  # of a series and a label value, which is empty where it has no label

SERIES = (
    _counter(
        "api_frames_received",
        "Frames received since this Redis was set up. Flat for a minute: nothing arrives, check the consumer's log.",
    ),
    _counter(
        "api_frames_dropped",
        "Frames that are not events, since this Redis was set up. A rise is a changed wire or a bug: check "
        "inspect_buffer --dead-letters.",
        "reason",
    ),
    _gauge(
        "api_buffer_depth",
        "Events that wait in the buffer. Rising over several flush intervals: the flusher is down or too slow, "
        "check its log.",
    ),
    _gauge(
        "api_buffer_fill_ratio",
        "Memory of Redis divided by its maxmemory. At BUFFER_HIGH_WATER the consumer pauses: repair the flusher, or"
        " give Redis more memory.",
    ),
    _gauge(
        "api_dead_letters",
        "Dead letters kept, at most 10,000. They stay until the operator replays them with inspect_buffer --replay.",
    ),
    _gauge(
        "api_lag_seconds",
        "Now minus the newest seen that is received (by the consumer) or searchable (in a listed file); buffered: "
        "the age of the oldest event in the buffer. Check the first stage that rises.",
        "stage",
    ),
    _gauge(
        "api_last_batch_seconds",
        "Duration of the last batch. Near FLUSH_INTERVAL_SECONDS: the machine is too small, or its disk too busy.",
    ),
    _gauge("api_lake_rows", "Rows in listed files. A fall is a purge or a restore.", label="dataset"),
    _gauge("api_lake_bytes", "Bytes of listed files. Plan the disk by their growth.", label="dataset"),
    _gauge(
        "api_failed_batches_last_day",
        "Batches that failed in the last 24 hours. Above 0: read the error in the admin, under Batch runs.",
    ),
    _gauge(
        "api_gaps_last_day",
        "Connections of the last 24 hours that began with a gap. Above 0: data may be missing, see the admin.",
    ),
    _gauge("api_handles_known", "Accounts whose handle is known. For information only."),
    _gauge(
        "api_handles_waiting",
        "Accounts whose handle is to be resolved. Rising for days: there are more new authors than 75 a second.",
    ),
    _gauge(
        "api_handles_lag_seconds",
        "How long the first of them has waited. Rising while calls fail: check the log of resolve_handles.",
    ),
    _counter(
        "api_handle_calls",
        "Calls to the AppView. Outcomes other than answered and refused rise: it is down, or limits this service.",
        "outcome",
    ),
)


class StateCollector(Collector):
    def describe(self) -> Iterator[Metric]:
        """The families without samples, so that registering reads nothing."""
        return (Metric(series.name, series.meaning, series.kind) for series in SERIES)

    def collect(self) -> Iterator[Metric]:
        now = datetime.now(UTC)
        samples = [*_readable(buffer_samples, now), *_readable(lake_samples, now), *handle_samples(now)]
        for series in SERIES:
            family = Metric(series.name, series.meaning, series.kind)
            for _, label, value in (sample for sample in samples if sample[0] == series.name):
                name = f"{series.name}_total" if series.kind == "counter" else series.name
                family.add_sample(name, {series.label: label} if series.label else {}, value)
            yield family


def _readable(read: Callable[[datetime], Iterator[Sample]], now: datetime) -> list[Sample]:
    """All samples, or none when their source can't be read."""
    try:
        return list(read(now))
    except (BufferUnavailable, BufferUnsafe, DatabaseError) as error:
        log.warning("not in this scrape", source=read.__name__, error=str(error))
        return []


def buffer_samples(now: datetime) -> Iterator[Sample]:
    buffer = Buffer(settings.REDIS_URL, REDIS_SECONDS).connect()
    try:
        state, totals, cursor = buffer.state(), buffer.totals(), buffer.cursor()
    finally:
        buffer.close()
    yield "api_frames_received", "", totals.received
    for reason, number in totals.dropped.items():
        yield "api_frames_dropped", reason, number
    yield "api_buffer_depth", "", state.depth
    yield "api_buffer_fill_ratio", "", state.fill
    yield "api_dead_letters", "", state.dead_letters
    waited = 0.0 if state.oldest_ms is None else now.timestamp() - state.oldest_ms / 1000
    yield "api_lag_seconds", "buffered", max(0.0, waited)
    if cursor is not None:
        yield "api_lag_seconds", "received", now.timestamp() - cursor.time_us / 1e6


def lake_samples(now: datetime) -> Iterator[Sample]:
    listed = DataFile.listed.all()
    sums = {
        row["dataset"]: row
        for row in listed.order_by().values("dataset").annotate(rows=Sum("rows"), bytes=Sum("bytes"))
    }
    for dataset in DATASETS:
        held = sums.get(dataset, {"rows": 0, "bytes": 0})
        yield "api_lake_rows", dataset, held["rows"]
        yield "api_lake_bytes", dataset, held["bytes"]
    newest = listed.filter(max_seen__lte=now + MAX_CLOCK_SKEW).aggregate(newest=Max("max_seen"))["newest"]
    if newest is not None:
        yield "api_lag_seconds", "searchable", max(0.0, (now - newest).total_seconds())
    last = BatchRun.objects.order_by("-started_at").first()
    if last is not None:
        yield "api_last_batch_seconds", "", last.seconds
    failed = BatchRun.objects.filter(state=BatchRun.State.FAILED, started_at__gte=now - DAY)
    yield "api_failed_batches_last_day", "", failed.count()
    gaps = Connection.objects.filter(gap_seconds__isnull=False, opened_at__gte=now - DAY)
    yield "api_gaps_last_day", "", gaps.count()


def handle_samples(now: datetime) -> Iterator[Sample]:
    figures = Handles(settings.HANDLES_PATH, None).figures()
    yield "api_handles_known", "", figures.known
    yield "api_handles_waiting", "", figures.waiting
    waited = 0.0 if figures.oldest is None else now.timestamp() - figures.oldest / 1e6
    yield "api_handles_lag_seconds", "", max(0.0, waited)
    for outcome, number in figures.calls.items():
        yield "api_handle_calls", outcome, number


@cache
def register() -> None:
    """Adds the state to /metrics, once."""
    REGISTRY.register(StateCollector())
