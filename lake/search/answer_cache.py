"""Answers that readers share: computed once for all who ask at a time, and kept until the next commit."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

from django.db.models import Count, Max

from lake.catalog import tombstone_rows
from lake.errors import QueryTimeout
from lake.models import CatalogIdentity
from lake.withheld_models import OptOut

WAITING = 16  # readers who wait for another's answer, each of them with a thread of the web server
A = TypeVar("A")
Slot = Callable[[], AbstractContextManager[object]]  # bounds how many compute at once


class _Entry(Generic[A]):
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.answer: A | None = None


class AnswerCache(Generic[A]):
    """The `size` answers that were used last, of one lake. Any number of threads may use it. `keep`: whether an answer
    may be kept, which one that a time limit cut short may not. `slot`: computing takes one."""

    def __init__(self, size: int, keep: Callable[[A], bool], slot: Slot) -> None:
        self._size, self._keep, self._slot = size, keep, slot
        self._waiting = threading.Semaphore(WAITING)
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _Entry[A]] = OrderedDict()

    def get(self, question: Hashable, compute: Callable[[], A], seconds: float) -> A:
        """The answer to `question`, or compute(). Who asks while another computes waits for that one's answer. Raises
        QueryTimeout after `seconds` of waiting, and whatever compute() raises."""
        version = _catalog_version()
        entry = self._entry((version, question))
        if not self._take(entry.lock, seconds):
            return self._compute(compute)
        try:
            if entry.answer is None:
                answer = self._compute(compute)
                if not self._keep(answer) or _catalog_version() != version:
                    return answer
                entry.answer = answer
            return entry.answer
        finally:
            entry.lock.release()

    def kept(self, question: Hashable) -> A | None:
        """The answer if it is kept; None if it would have to be computed."""
        version = _catalog_version()
        with self._lock:
            entry = self._entries.get((version, question))
        return entry.answer if entry else None

    def _take(self, lock: threading.Lock, seconds: float) -> bool:
        """False if too many wait already."""
        if lock.acquire(blocking=False):
            return True
        if not self._waiting.acquire(blocking=False):
            return False
        try:
            if not lock.acquire(timeout=max(0.0, seconds)):
                raise QueryTimeout(f"The query took longer than {seconds:g} s.")
            return True
        finally:
            self._waiting.release()

    def _compute(self, compute: Callable[[], A]) -> A:
        with self._slot():
            return compute()

    def _entry(self, key: Hashable) -> _Entry[A]:
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)
            return entry


def _catalog_version() -> Hashable:
    """Another one after each commit, and each change of the opt-outs."""
    numbers = CatalogIdentity.objects.values_list("catalog", "flush", "compact", "label").first()
    opt_outs = tuple(OptOut.objects.aggregate(Count("pk"), Max("pk")).values())
    return numbers, tombstone_rows.newest_id(), opt_outs
