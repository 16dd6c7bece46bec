"""How long after a fault all is as usual again. Pure."""

from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from typing import NamedTuple

from tests.load.report.readings import Point, Readings

HOLD_SECONDS = 10.0  # as usual for so long: it stays so
LATE_SECONDS = 60.0  # what goes wrong later than a flush and this is not the fault's doing
RECEIVED_SECONDS = 2.0  # usual: what arrives is in Redis by then
BATCH_SECONDS = 30.0  # usual: what is flushed is searchable by then
SAMPLE_SECONDS = 2.0  # from one to the next
ALIVE_MS = 10_000.0  # usual: the web process says that it lives by then


class Recovery(NamedTuple):
    """`seconds` from the fault (of the spike: from its beginning) until lags and answers are as usual; None: not within
    the run. `down`: until the process itself was seen at work again."""

    fault: str
    at: float
    down: float | None
    seconds: float | None


def usual_again(
    points: Sequence[Point], since: float, until: float, usual: Callable[[float | None], bool], onset: float
) -> float | None:
    """Seconds from `since` to the first point from which on all is usual for HOLD_SECONDS; 0 if nothing unusual began
    within `onset` seconds; None if it did not end before `until`, or if nothing is known."""
    points = [(at, value) for at, value in points if since < at <= until]
    if not points:
        return None
    unusual = [at for at, value in points if at <= since + onset and not usual(value)]
    if not unusual:
        return 0.0
    for number, (at, _) in enumerate(points):
        if at < unusual[0]:
            continue
        held = list(takewhile(lambda point: usual(point[1]), points[number:]))
        if held and held[-1][0] - at >= HOLD_SECONDS:
            return at - since
        if held and held[-1][0] == points[-1][0]:
            return at - since  # as usual to the end of what is known
    return None


def below(limit: float) -> Callable[[float | None], bool]:
    return lambda value: value is not None and value <= limit


def slowest(parts: Iterable[float | None]) -> float | None:
    """None if one of them never ends."""
    known = list(parts)
    return None if None in known else max(part for part in known if part is not None)


# What a process gives when it is there: it counts frames, has committed a batch, answers.
_SIGNS = {
    "consumer": ("consumer", "received"),
    "flusher": ("batches",),
    "redis": ("redis", "ping_ms"),
    "web": ("web_ms",),
}


def recoveries(readings: Readings) -> list[Recovery]:
    """Of the kills and the spike, in their order."""
    plan, record = readings.plan, readings.record
    faults = [(name, float(at)) for name, at in record["kills"]]
    faults.append(("spike", readings.began + plan["spike_at"]))
    faults.sort(key=lambda fault: fault[1])
    following = [at for _, at in faults[1:]] + [readings.ended]
    return [
        _recovery(readings, name, at, following_at) for (name, at), following_at in zip(faults, following, strict=True)
    ]


def _recovery(readings: Readings, name: str, at: float, following_at: float) -> Recovery:
    """What has not ended when the next fault comes goes on, and then that one's part of it counts too."""
    flush, until = readings.plan["flush_seconds"], readings.ended
    onset = min(flush + LATE_SECONDS, following_at - at)
    received = usual_again(readings.points("lag", "received"), at, until, below(RECEIVED_SECONDS), onset)
    searchable = usual_again(readings.points("lag", "searchable"), at, until, below(flush + BATCH_SECONDS), onset)
    answers = usual_again(readings.points("web_ms"), at, until, below(ALIVE_MS), onset)
    parts = [received, searchable, answers, _refused(readings, at, following_at) if name == "web" else 0.0]
    down = _works(readings, name, at, until) if name in _SIGNS else 0.0
    return Recovery(name, at, down, slowest([*parts, down]))


def _refused(readings: Readings, at: float, until: float) -> float:
    """Until the last request that got no answer."""
    failed = [
        one.at + one.ms / 1000 for one in readings.requests if at <= one.at < until and one.fault and not one.wrong
    ]
    return max(failed, default=at) - at


def _works(readings: Readings, name: str, at: float, until: float) -> float | None:
    """Seconds until the first sign of the new process. Of the flusher it is a batch more than the killed one had, whose
    last batch may come to light with the first sample after the kill."""
    points = [(moment, value) for moment, value in readings.points(*_SIGNS[name]) if value is not None]
    known = at + SAMPLE_SECONDS if name == "flusher" else at
    before = max((value for moment, value in points if moment <= known), default=0.0) if name == "flusher" else 0.0
    for moment, value in points:
        if known < moment <= until and value > before:
            return moment - at + (value / 1000 if name == "web" else 0.0)
    return None
