"""Which minutes have data, in memory: a byte a minute, read from the batches once, then from new batches alone.

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


class KnownMinutes(NamedTuple):
    """Minutes are numbered since 1970. `have`: of each minute from `first` on, whether it has data. `newest`: the pk of
    the latest batch; 0 without one."""

    first: int
    have: NDArray[np.bool_]
    newest: int

    @property
    def end(self) -> int:
        """The minute after the last one."""
        return self.first + len(self.have)

    def before(self, minute: int) -> "KnownMinutes":
        """Without that minute and later ones."""
        return self._replace(have=self.have[: max(0, minute - self.first)])

    def between(self, low: int, high: int) -> NDArray[np.bool_]:
        """Of each minute in [low, high)."""
        window = np.zeros(max(0, high - low), np.bool_)
        begin, end = max(low, self.first), min(high, self.end)
        if begin < end:
            window[begin - low : end - low] = self.have[begin - self.first : end - self.first]
        return window


NOTHING = KnownMinutes(0, np.zeros(0, np.bool_), 0)


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
                names = [name for _, _, minutes in batches for name in minutes]
                self._known = _with(self._known, names)._replace(newest=batches[-1][0])
                self._last = batches[-1][:2]
            return self._known

    def _since(self, pk: int) -> list[tuple[int, datetime, dict[str, int]]]:
        """Batches from this one on."""
        runs = BatchRun.objects.filter(pk__gte=pk, state=BatchRun.State.COMMITTED).order_by("pk")
        return list(runs.values_list("pk", "started_at", "minutes"))


@cache
def minute_cache() -> MinuteCache:
    """One per process."""
    return MinuteCache()


def _with(known: KnownMinutes, names: Sequence[str]) -> KnownMinutes:
    """`names`: of minutes with data, as batches have them."""
    new = np.array(names, "datetime64[m]").astype(np.int64)
    if not len(new):
        return known
    first, end = int(new.min()), int(new.max()) + 1
    if len(known.have):
        first, end = min(first, known.first), max(end, known.end)
    have = known.between(first, end)
    have[new - first] = True
    return known._replace(first=first, have=have)
