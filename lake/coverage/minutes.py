"""Which minutes have data, and since when, in memory: read from the batches once, then from new batches alone.

100,000 batches take a second of a process's first answer; later ones 0.3 ms.
"""

import threading
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lake.models import BatchRun

Batch = tuple[int, datetime, int, dict[str, int]]  # pk, beginning, learned_us, rows by minute
MINUTE_US = 60_000_000
NEVER = int(np.iinfo(np.int64).max)


class KnownMinutes(NamedTuple):
    """Minutes are numbered since 1970. `since`: of each minute from `first` on, the moment of the clock from which
    it has data, or NEVER. `latest`: the greatest such moment. `batch`: the pk of the latest batch; 0 without one."""

    first: int
    since: NDArray[np.int64]
    latest: int
    batch: int

    @property
    def end(self) -> int:
        """The minute after the last one."""
        return self.first + len(self.since)

    def as_of(self, us: int) -> "KnownMinutes":
        """From the first to the last minute that had data at that moment."""
        if us >= self.latest:
            return self
        there = np.flatnonzero(self.since <= us)
        if not len(there):
            return NOTHING
        return self._replace(first=self.first + int(there[0]), since=self.since[there[0] : there[-1] + 1])

    def between(self, low: int, high: int) -> NDArray[np.int64]:
        """Of each minute in [low, high)."""
        window = np.full(max(0, high - low), NEVER, np.int64)
        begin, end = max(low, self.first), min(high, self.end)
        if begin < end:
            window[begin - low : end - low] = self.since[begin - self.first : end - self.first]
        return window


NOTHING = KnownMinutes(0, np.zeros(0, np.int64), 0, 0)


class MinuteCache:
    """Of the process's catalog. Any number of threads may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known = NOTHING
        self._last: tuple[int, datetime] | None = None  # pk and beginning of the latest batch

    def known(self) -> KnownMinutes:
        """As of now."""
        with self._lock:
            batches = self._since(self._last[0]) if self._last else []
            if not batches or batches[0][:2] != self._last:  # none yet, or another catalog
                self._known, batches = NOTHING, self._since(0)
                self._last = None
            if batches and batches[-1][:2] != self._last:
                self._known = _with(self._known, batches)._replace(batch=batches[-1][0])
                self._last = batches[-1][:2]
            return self._known

    def _since(self, pk: int) -> list[Batch]:
        """Batches from this one on."""
        runs = BatchRun.objects.filter(pk__gte=pk, state=BatchRun.State.COMMITTED).order_by("pk")
        return list(runs.values_list("pk", "started_at", "learned_us", "minutes"))


@cache
def minute_cache() -> MinuteCache:
    """One per process."""
    return MinuteCache()


def _with(known: KnownMinutes, batches: Sequence[Batch]) -> KnownMinutes:
    names = [name for *_, minutes in batches for name in minutes]
    new = np.array(names, "datetime64[m]").astype(np.int64)
    if not len(new):
        return known
    first, end = int(new.min()), int(new.max()) + 1
    if len(known.since):
        first, end = min(first, known.first), max(end, known.end)
    since = known.between(first, end)
    learned = np.repeat([batch[2] for batch in batches], [len(minutes) for *_, minutes in batches])
    # A minute that begins before the batch's late rows exist is late itself, but for a part of the last one.
    own = np.maximum(new * MINUTE_US, learned)
    np.minimum.at(since, new - first, own)
    return known._replace(first=first, since=since, latest=max(known.latest, int(own.max())))
