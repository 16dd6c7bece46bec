"""How complete the data of one answer's window are."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from lake.catalog.coverage import Gap, why
from lake.coverage.minutes import MINUTE_US, KnownMinutes, minute_cache
from lake.query.spec import LAST_US, Search
from process.instants import iso, microseconds, utc

MOST_GAPS = 10
BEFORE = "the data begin here"
AFTER = "there are no newer data"
EMPTY = "nothing has been collected"


class Run(NamedTuple):
    """Minutes [begin, end) without data. `why`: empty: the journal of connections tells."""

    begin: int
    end: int
    why: str = ""


def coverage_of(search: Search) -> dict[str, Any]:
    """As JSON. The window begins and ends with the data where the search does not say; the data end with the search's
    moment. What was created in a window was seen from its beginning on. `complete`: each minute of the window has data.
    At most MOST_GAPS gaps, the longest ones, in order of time."""
    known = minute_cache().known().as_of(search.snapshot_us)
    low, high = window_of(search, known)
    if low is None or high is None or low >= high:
        return _to_dict(low, high, 0, [])
    found = runs_without(known, low, high, search.snapshot_us)
    return _to_dict(low, high, known.batch, found)


def window_of(search: Search, known: KnownMinutes) -> tuple[int | None, int | None]:
    """First minute, and the one after the last. None: neither the search nor the data have one."""
    first, end = (known.first, known.end) if len(known.since) else (None, None)
    low = first if search.start is None else microseconds(search.start) // MINUTE_US
    if search.end is not None and search.clock == "seen":
        return low, min(LAST_US // MINUTE_US, -(-microseconds(search.end) // MINUTE_US))
    return low, end


def runs_without(known: KnownMinutes, low: int, high: int, us: int) -> list[Run]:
    """Runs of minutes in [low, high) that have no data at that moment, in order. However long the window is, only the
    minutes of the data are looked at."""
    if not len(known.since):
        return [Run(low, high, EMPTY)]
    first, end = max(low, known.first), min(high, known.end)
    before = [Run(low, min(high, known.first), BEFORE)] if low < known.first else []
    after = [Run(max(low, known.end), high, AFTER)] if high > known.end else []
    have = known.between(first, end) <= us
    edges = np.flatnonzero(np.diff(np.concatenate([[True], have, [True]]))) + first
    return [*before, *(Run(int(begin), int(stop)) for begin, stop in edges.reshape(-1, 2)), *after]


@lru_cache(1000)
def _why(begin: int, end: int, _batch: int) -> str:
    """From the journal of connections, asked once a batch."""
    return why(_time(begin), _time(end), datetime.now(UTC))


def _gap(run: Run, batch: int) -> dict[str, Any]:
    return Gap(_time(run.begin), _time(run.end), run.why or _why(run.begin, run.end, batch)).to_dict()


def _time(minute: int) -> datetime:
    return utc(minute * MINUTE_US)


def _to_dict(low: int | None, high: int | None, batch: int, runs: Sequence[Run]) -> dict[str, Any]:
    minutes = 0 if low is None or high is None else max(0, high - low)
    longest = sorted(sorted(runs, key=lambda run: run.begin - run.end)[:MOST_GAPS])
    return {
        "complete": minutes > 0 and not runs,
        "start": None if low is None else iso(_time(low)),
        "end": None if high is None else iso(_time(high)),
        "minutes": minutes,
        "minutes_missing": sum(run.end - run.begin for run in runs),
        "gaps": [_gap(run, batch) for run in longest],
        "gaps_total": len(runs),
    }
