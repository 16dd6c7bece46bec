"""Whether what is searchable is new enough, and which stage keeps it back. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from api.health.components import Readings
from api.health.processes import State

FLOW = ("catalog", "lake", "buffer", "stream", "flusher")  # who keeps events back: the cause first


class Freshness(NamedTuple):
    """`age`, `limit`: of the newest searchable event, in seconds. `stage`: who is at fault; empty: nobody."""

    fresh: bool
    age: float | None
    limit: float
    stage: str
    message: str


def freshness(readings: Readings, verdicts: Mapping[str, State], newest: float | None, started: float) -> Freshness:
    """`newest`: the newest searchable `seen`, None: there is none. `started`: when this process began; an empty lake
    counts from then. Both in seconds since 1970."""
    readable = not readings.catalog.unreadable
    age = readings.now - (started if newest is None else newest) if readable else None
    fresh = age is not None and age <= readings.limit
    stage = next((name for name in FLOW if not verdicts[name].ok), "")
    if stage:
        return Freshness(fresh, age, readings.limit, stage, verdicts[stage].message)
    if fresh:
        return Freshness(True, age, readings.limit, "", "what arrives is searchable in time")
    return Freshness(False, age, readings.limit, *_behind(readings))


def _behind(readings: Readings) -> tuple[str, str]:
    """Everybody works, and yet it is late."""
    beat = readings.beats.get("consumer")
    seen = beat.word.get("last_seen") if beat else None
    if seen is None or readings.now - seen > readings.limit:
        old = "" if seen is None else f", and is {readings.now - seen:,.0f} s behind"
        return "stream", f"the host sends what has been missed since the last stop{old}: wait, or look at Connections"
    return "flusher", "the flusher works through what has waited in the buffer: wait, or look at its log"
