"""How complete the data of one answer's window are."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lake.catalog.coverage import Gap, why
from lake.coverage.minutes import MINUTE_US, KnownMinutes, minute_cache
from lake.query.spec import Search
from process.instants import iso, microseconds, utc

MOST_GAPS = 10
BEFORE = "the data begin here"
AFTER = "there are no newer data"
EMPTY = "nothing has been collected"


def coverage_of(search: Search) -> dict[str, Any]:
    """As JSON. The window begins and ends with the data where the search does not say; the data end with the search's
    moment. What was created in a window was seen from its beginning on. `complete`: each minute of the window has data.
    At most MOST_GAPS gaps, the longest ones, in order of time."""
    known = minute_cache().known().as_of(search.snapshot_us)
    low, high = window_of(search, known)
    if low is None or high is None or low >= high:
        return _to_dict(low, high, 0, 0, [], 0)
    have = known.between(low, high) <= search.snapshot_us
    found = runs_without(have)
    longest = sorted(sorted(found, key=lambda gap: gap[0] - gap[1])[:MOST_GAPS])
    gaps = [part for begin, end in longest for part in _explained(low + begin, low + end, known)]
    missing = len(have) - int(np.count_nonzero(have))
    return _to_dict(low, high, len(have), missing, gaps[:MOST_GAPS], len(found))


def window_of(search: Search, known: KnownMinutes) -> tuple[int | None, int | None]:
    """First minute, and the one after the last. None: neither the search nor the data have one."""
    first, end = (known.first, known.end) if len(known.since) else (None, None)
    low = first if search.start is None else microseconds(search.start) // MINUTE_US
    if search.end is not None and search.clock == "seen":
        return low, -(-microseconds(search.end) // MINUTE_US)
    return low, end


def runs_without(have: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Begin and end, excluded, of each run of minutes without data."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], have, [True]])))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def _explained(begin: int, end: int, known: KnownMinutes) -> list[Gap]:
    """A run of minutes without data: what of it is before the data, among them, and after them."""
    if not len(known.since):
        return [_gap(begin, end, EMPTY)]
    before = [_gap(begin, min(end, known.first), BEFORE)] if begin < known.first else []
    after = [_gap(max(begin, known.end), end, AFTER)] if end > known.end else []
    low, high = max(begin, known.first), min(end, known.end)
    return [*before, *([_inner(low, high, known.batch)] if low < high else []), *after]


@lru_cache(1000)
def _inner(begin: int, end: int, _batch: int) -> Gap:
    """With its cause from the journal, asked once a batch."""
    start, stop = _time(begin), _time(end)
    return Gap(start, stop, why(start, stop, datetime.now(UTC)))


def _gap(begin: int, end: int, cause: str) -> Gap:
    return Gap(_time(begin), _time(end), cause)


def _time(minute: int) -> datetime:
    return utc(minute * MINUTE_US)


def _to_dict(
    low: int | None, high: int | None, minutes: int, missing: int, gaps: Sequence[Gap], total: int
) -> dict[str, Any]:
    return {
        "complete": minutes > 0 and not missing,
        "start": None if low is None else iso(_time(low)),
        "end": None if high is None else iso(_time(high)),
        "minutes": minutes,
        "minutes_missing": missing,
        "gaps": [gap.to_dict() for gap in gaps],
        "gaps_total": total,
    }
