"""The arithmetic of the report. Pure."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Latency(NamedTuple):
    """Milliseconds."""

    answers: int
    p50: float
    p95: float
    p99: float
    most: float


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many of the values are not above: none is made up. 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else 0.0


def latency(ms: Sequence[float]) -> Latency:
    return Latency(len(ms), percentile(ms, 50), percentile(ms, 95), percentile(ms, 99), max(ms, default=0.0))


def windows(points: Iterable[tuple[float, float]], seconds: float) -> dict[float, list[float]]:
    """The values by the window that they fall in; its beginning is the key."""
    found: dict[float, list[float]] = {}
    for at, value in points:
        found.setdefault(at // seconds * seconds, []).append(value)
    return found


def busiest(points: Iterable[tuple[float, float]], seconds: float = 30.0, percent: float = 95) -> float:
    """What is used for half a minute on end, most of the time: the percentile of the windows' means."""
    means = [sum(values) / len(values) for values in windows(points, seconds).values()]
    return percentile(means, percent)
