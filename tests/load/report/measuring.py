"""From readings to the figures that are judged and shown. Pure."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from tests.load.limits import DISK_BYTES, limits
from tests.load.report.figures import Latency, busiest, latency, percentile
from tests.load.report.readings import OURS, THEIRS, Readings, Request
from tests.load.report.recovery import Recovery, recoveries
from tests.load.report.resources import Resource

SINGLE_THREADED = ("consumer", "redis", "handles", "maintenance")  # more than a core is of no use to these
NOTICED_SECONDS = 2.0  # a sample that began right before a fault is part of it
START_SECONDS = 30.0  # of CPU that only a start takes
TOGETHER_SECONDS = 10.0  # samples at such a distance leave nothing out between them
HOUR_SECONDS = 3600
DAY_SECONDS = 86_400
SETTLED_SECONDS = 180  # an hour that ended so long before the end of the run is to be compacted


@dataclass
class Measured:
    """Milliseconds, bytes, seconds as the names say. None: not measured."""

    events: int
    events_per_minute: float
    asked_per_minute: float
    requests: int
    failed: int  # without those that the killed web process could not answer
    wrong: int
    excused: int
    latencies: dict[str, Latency]
    batches: list[float]
    way_p99_ms: float
    way_most_ms: float
    ping_p99_ms: float
    ping_most_ms: float
    redis_fill: float
    dropped: int
    gaps: int | None
    known_share: float  # of the run's time, in which samples have all that is judged
    silence: float  # seconds, the longest without a request
    late_p99: float  # seconds, of the firehose
    others: float  # cores that neither the service nor who loads it had
    memory: dict[str, tuple[float, float]]  # the most, and the limit
    recoveries: list[Recovery]
    resources: list[Resource]
    cores: dict[str, float]  # used by each process, on average
    disk_per_day: float
    hours_ended: int
    hours_compacted: int
    comparison: dict[str, Any] | None = None
    verify_lake: str | None = None
    faults: list[str] = field(default_factory=list)


def measure(readings: Readings) -> Measured:
    record, found = readings.record, recoveries(readings)
    calm = Calm(readings, found)
    seconds = max(1.0, record.get("drained", readings.ended) - readings.began)
    lake = (record.get("comparison") or {}).get("lake", {})
    events = int(lake.get("events", 0) - lake.get("lost", 0))
    excused = [one for one in readings.requests if one.fault and not one.wrong and calm.web_away(one)]
    failed = [one for one in readings.requests if one.fault and not one.wrong and not calm.web_away(one)]
    wrong = [one for one in readings.requests if one.wrong]
    answered = [one for one in readings.requests if not one.fault]
    kinds = sorted({one.kind for one in answered})
    ended, compacted = hours(record, readings.began, readings.ended)
    cores = {name: _mean_rate(readings, "processes", name, "cpu") for name in (*OURS, *THEIRS)}
    return Measured(
        events=events,
        events_per_minute=events / seconds * 60,
        asked_per_minute=readings.plan["rate"] * 60,
        requests=len(readings.requests),
        failed=len(failed),
        wrong=len(wrong),
        excused=len(excused),
        latencies={kind: latency([one.ms for one in answered if one.kind == kind]) for kind in kinds},
        batches=[batch[1] for batch in record.get("batches", []) if batch[2] == "committed"],
        way_p99_ms=percentile(readings.values("redis", "way_ms", where=calm.received), 99),
        way_most_ms=max(readings.values("redis", "way_ms", where=calm.received), default=0.0),
        ping_p99_ms=percentile(readings.values("redis", "ping_ms"), 99),
        ping_most_ms=max(readings.values("redis", "ping_ms"), default=0.0),
        redis_fill=max(readings.values("redis", "memory"), default=0) / _maxmemory(readings),
        dropped=int(max(readings.values("consumer", "dropped"), default=0)),
        gaps=record.get("gaps"),
        known_share=known_share(readings),
        silence=silence(readings),
        late_p99=percentile(readings.values("firehose_late"), 99),
        others=max(0.0, _mean_rate(readings, "machine", "busy") - sum(cores.values())),
        memory={name: (max(readings.values("processes", name, "pss")), limits(name).memory) for name in OURS},
        recoveries=found,
        resources=resources(readings, calm),
        cores=cores,
        disk_per_day=disk_per_day(record, events, readings.plan["rate"]),
        hours_ended=ended,
        hours_compacted=compacted,
        comparison=record.get("comparison"),
        verify_lake=record.get("verify_lake"),
        faults=[f"{one.kind}: {one.fault}" for one in (*wrong, *failed)][:20],
    )


class Calm:
    """Which moments are of the usual load: none of the start, of a fault, its recovery, or the spike."""

    def __init__(self, readings: Readings, found: list[Recovery]) -> None:
        spike = readings.plan["spike_seconds"]
        self._started = readings.began + START_SECONDS
        self._faults = [
            (one.fault, one.at, one.at + max(one.seconds or HOUR_SECONDS, spike if one.fault == "spike" else 0.0))
            for one in found
        ]
        self._web_away = [
            (one.at, one.at + (HOUR_SECONDS if one.down is None else one.down)) for one in found if one.fault == "web"
        ]

    def usual(self, at: float) -> bool:
        return at >= self._started and not any(begin - NOTICED_SECONDS <= at <= end for _, begin, end in self._faults)

    def received(self, at: float) -> bool:
        """The spike counts, and what does not touch the way from the socket to Redis."""
        return not any(
            begin - NOTICED_SECONDS <= at <= end for name, begin, end in self._faults if name in ("consumer", "redis")
        )

    def web_away(self, one: Request) -> bool:
        """Asked between the kill of the web process and its first sign of life, or cut off by the kill."""
        return any(one.at <= end and one.at + one.ms / 1000 >= begin for begin, end in self._web_away)


JUDGED = [
    ("redis", "ping_ms"),
    ("redis", "way_ms"),
    ("redis", "memory"),
    ("consumer", "received"),
    ("consumer", "dropped"),
    ("lag", "received"),
    ("web_ms",),
]


def known_share(readings: Readings) -> float:
    """What no sample tells would pass as if there were nothing wrong."""
    columns = [readings.points(*path) for path in JUDGED]
    known = [row[0][0] for row in zip(*columns, strict=True) if None not in [value for _, value in row]]
    seconds: float = sum(step for one, other in pairwise(known) if (step := other - one) <= TOGETHER_SECONDS)
    return seconds / max(1.0, readings.ended - readings.began)


def silence(readings: Readings) -> float:
    since = float(readings.record.get("people_since", readings.began))
    moments = sorted([since, readings.ended, *(one.at for one in readings.requests if since < one.at < readings.ended)])
    return max(after - before for before, after in pairwise(moments))


def resources(readings: Readings, calm: Calm) -> list[Resource]:
    """Under the usual load."""
    cores = float(readings.record["machine"]["cores"])
    cpu = {name: _calm_rates(readings, calm, name) for name in OURS}
    whole = [(points[0][0], sum(value for _, value in points)) for points in zip(*cpu.values(), strict=False) if points]
    found = [Resource("CPU of the machine, by the service", busiest(whole), cores, "cores")]
    for name in OURS:
        limit = min(limits(name).cores, 1.0) if name in SINGLE_THREADED else min(limits(name).cores, cores)
        found.append(Resource(f"CPU of {name}", busiest(cpu[name]), limit, "cores"))
    for name in OURS:
        used = readings.values("processes", name, "pss", where=calm.usual)
        idle = readings.values("processes", name, "pss")[:1]
        most, least = percentile(used, 95) / 1e6, min([*idle, *used], default=0) / 1e6
        found.append(Resource(f"memory of {name}", most, limits(name).memory / 1e6, "MB", least))
    memory = readings.values("redis", "memory", where=calm.usual)
    found.append(
        Resource(
            "maxmemory of Redis",
            percentile(memory, 95) / 1e6,
            _maxmemory(readings) / 1e6,
            "MB",
            min(memory, default=0) / 1e6,
        )
    )
    batches = [batch[1] for batch in readings.record.get("batches", []) if batch[2] == "committed"]
    found.append(Resource("the flusher's time", sum(batches), readings.ended - readings.began, "s"))
    disk = [(at, value) for at, value in readings.rates("disk", "busy") if value is not None and calm.usual(at)]
    found.append(Resource("the disk's time", busiest(disk), 1.0, "s a second"))
    return found


def _calm_rates(readings: Readings, calm: Calm, name: str) -> list[tuple[float, float]]:
    return [
        (at, value) for at, value in readings.rates("processes", name, "cpu") if value is not None and calm.usual(at)
    ]


def _mean_rate(readings: Readings, *path: str) -> float:
    """Of a counter that never falls, from the first to the last sample."""
    points = [(at, value) for at, value in readings.points(*path) if value is not None]
    if len(points) < 2:
        return 0.0
    (begin, low), (end, high) = points[0], points[-1]
    return (high - low) / (end - begin)


def _maxmemory(readings: Readings) -> float:
    return max(readings.values("redis", "maxmemory"), default=1.0)


def disk_per_day(record: dict[str, Any], events: int, rate: float) -> float:
    """Bytes that a day of this rate leaves, indexes included."""
    end = record.get("lake_at_end")
    return (end["bytes"] + end["index_bytes"]) / events * rate * DAY_SECONDS if end and events else 0.0


def disk_days(measured: Measured) -> float:
    return DISK_BYTES / measured.disk_per_day if measured.disk_per_day else float("inf")


def hours(record: dict[str, Any], began: float, ended: float) -> tuple[int, int]:
    """How many hours ended within the run, early enough, and how many of them were compacted when it ended."""
    first = datetime.fromtimestamp(began, UTC).replace(minute=0, second=0, microsecond=0)
    due: list[str] = []
    while (first + timedelta(hours=1)).timestamp() <= ended - SETTLED_SECONDS:
        due.append(f"{first:%Y-%m-%d %H:%M:%S}")
        first += timedelta(hours=1)
    compacted = {hour[:19] for hour, made, _ in record.get("hours", []) if made}
    return len(due), len(compacted & set(due))
