"""The state of the whole service for Prometheus, read at each scrape from Redis, the catalog, the disks and the files
beside the catalog, so that it is true while other processes are down. What can't be read is left out; the scrape
always answers."""

import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache

import structlog
from django.conf import settings
from django.db.utils import DatabaseError
from prometheus_client import REGISTRY, Metric
from prometheus_client.registry import Collector

from api.metrics import OWN, OWN_ERRORS, PROCESSES, STATE
from ingest.buffer.redis_stream import Buffer, BufferUnavailable, BufferUnsafe
from ingest.handles.lookup import Handles
from lake.catalog import figures
from lake.models import BatchRun
from process import heartbeats, records

log = structlog.get_logger("metrics")

REDIS_SECONDS = 0.4  # for one reply: a scrape must be over in 2 s, whatever Redis does
STARTED = time.time()  # of this process
Sample = tuple[str, tuple[str, ...], float]  # the name of a series, the values of its labels, its own


class StateCollector(Collector):
    def describe(self) -> Iterator[Metric]:
        """The families without samples, so that registering reads nothing."""
        return (Metric(series.name.removesuffix("_total"), series.meaning, series.kind) for series in STATE)

    def collect(self) -> Iterator[Metric]:
        found = samples(datetime.now(UTC))
        for series in STATE:
            family = Metric(series.name.removesuffix("_total"), series.meaning, series.kind)
            for name, values, value in found:
                if name == series.name:
                    family.add_sample(name, dict(zip(series.labels, values, strict=True)), value)
            yield family


@cache
def register() -> None:
    """Adds the web process's series to /metrics, once."""
    REGISTRY.register(StateCollector())
    for instrument in OWN:
        REGISTRY.register(instrument)


def samples(now: datetime) -> list[Sample]:
    sources = (buffer_samples, lake_samples, job_samples, disk_samples, process_samples, handle_samples)
    return [sample for source in sources for sample in _readable(source, now)]


def _readable(read: Callable[[datetime], Iterator[Sample]], now: datetime) -> list[Sample]:
    """All samples, or none when their source can't be read."""
    try:
        return list(read(now))
    except (BufferUnavailable, BufferUnsafe, DatabaseError, OSError) as error:
        log.warning("not in this scrape", source=read.__name__, error=str(error))
        return []


def buffer_samples(now: datetime) -> Iterator[Sample]:
    buffer = Buffer(settings.REDIS_URL, REDIS_SECONDS).connect()
    try:
        state, cursor = buffer.state(), buffer.cursor()
    finally:
        buffer.close()
    yield "api_buffer_depth", (), state.depth
    yield "api_buffer_fill_ratio", (), state.fill
    yield "api_dead_letters", (), state.dead_letters
    waited = 0.0 if state.oldest_ms is None else now.timestamp() - state.oldest_ms / 1000
    yield "api_lag_seconds", ("buffered",), max(0.0, waited)
    if cursor is not None:
        yield "api_lag_seconds", ("received",), now.timestamp() - cursor.time_us / 1e6


def lake_samples(now: datetime) -> Iterator[Sample]:
    lake = figures.lake(now)
    for dataset, held in lake.datasets.items():
        yield "api_lake_rows", (dataset,), held.rows
        yield "api_lake_bytes", (dataset,), held.bytes
        yield "api_lake_files", (dataset,), held.files
    if (newest := figures.newest_seen(now)) is not None:
        yield "api_lag_seconds", ("searchable",), max(0.0, (now - newest).total_seconds())
    if (ratio := figures.compression(lake, now)) is not None:
        yield "api_compression_ratio", (), ratio
    for state, number in figures.batches().items():
        yield "api_batches_total", (state,), number
    last = BatchRun.objects.first()
    yield "api_flush_interval_seconds", (), settings.FLUSH_INTERVAL_SECONDS
    yield "api_last_batch_seconds", (), last.seconds if last else 0.0
    yield "api_gaps_total", (), figures.gaps()
    for window, minutes in figures.minutes(now, grace()).items():
        yield "api_minutes_due", (window,), minutes.due
        yield "api_minutes_with_data", (window,), minutes.with_data
    if settings.LAKE_ROOT.is_dir():
        days = figures.days_left(shutil.disk_usage(settings.LAKE_ROOT).free, lake, now)
        yield "api_disk_days_left", ("lake",), days


def grace() -> timedelta:
    """So long after it was received an event should be searchable."""
    return timedelta(seconds=2 * settings.FLUSH_INTERVAL_SECONDS + 60)


def job_samples(now: datetime) -> Iterator[Sample]:
    """From the files alone, without the catalog, when there was a good run of each."""
    runs = {job: records.last_run(job) for job in records.JOBS}
    first = figures.first_batch() if any(last.good is None for last in runs.values()) else None
    began = (first or now).timestamp()
    for job, last in runs.items():
        yield "api_job_failed", (job,), last.failed
        since = began if last.good is None else last.good
        yield "api_job_age_seconds", (job,), max(0.0, now.timestamp() - since)


def disk_samples(_now: datetime) -> Iterator[Sample]:
    """A disk that is not mounted has none."""
    for disk, folder in (("catalog", settings.DATABASE_PATH.parent), ("lake", settings.LAKE_ROOT)):
        if not folder.is_dir():
            continue
        usage = shutil.disk_usage(folder)
        yield "api_disk_free_bytes", (disk,), usage.free
        yield "api_disk_size_bytes", (disk,), usage.total


def process_samples(now: datetime) -> Iterator[Sample]:
    ages = heartbeats.ages()
    for process in PROCESSES:
        age = ages.get(process)
        if age is None and process in heartbeats.OPTIONAL:
            age = 0.0
        yield "api_heartbeat_age_seconds", (process,), now.timestamp() - STARTED if age is None else age
        for kind, number in records.errors_of(process).items():
            yield "api_unhandled_errors_total", (process, kind), number
    for sample in next(iter(OWN_ERRORS.collect())).samples:
        if sample.name.endswith("_total"):
            yield "api_unhandled_errors_total", ("web", sample.labels["type"]), sample.value


def handle_samples(now: datetime) -> Iterator[Sample]:
    known = Handles(settings.HANDLES_PATH, None).figures()
    yield "api_handles_known", (), known.known
    yield "api_handles_waiting", (), known.waiting
    waited = 0.0 if known.oldest is None else now.timestamp() - known.oldest / 1e6
    yield "api_handles_lag_seconds", (), max(0.0, waited)
    yield "api_handles_asked_total", (), known.asked
    for outcome, number in known.calls.items():
        yield "api_handle_calls_total", (outcome,), number
