"""How many queries run at once. Others wait in line for some seconds and are then refused."""

import threading
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Literal, Self

from rest_framework.exceptions import APIException

Activity = Literal["search", "export"]


class Overloaded(APIException):
    """All slots are taken, and the line for them is full or did not move in time."""

    status_code = 503
    default_code = "overloaded"
    default_detail = "Too many requests are running now: try again soon."


class Limit:
    """At most `at_once` slots are taken; at most `line` callers wait, `patience` seconds each. First in, first out."""

    def __init__(self, at_once: int, line: int, patience: float = 0) -> None:
        self.at_once, self.line, self.patience = at_once, line, patience
        self._free = at_once
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    def take(self) -> None:
        """Raises Overloaded."""
        with self._lock:
            if self._free:
                self._free -= 1
                return
            if len(self._waiting) >= self.line:
                raise Overloaded
            turn = threading.Event()
            self._waiting.append(turn)
        if not turn.wait(self.patience):
            with self._lock:
                if not turn.is_set():  # set between the end of the wait and the lock: the slot is ours
                    self._waiting.remove(turn)
                    raise Overloaded

    def give(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()  # the slot goes to the first in line: nobody can take it in between
            else:
                self._free += 1

    @property
    def free(self) -> int:
        return self._free


# Searches share DuckDB's threads, so more at once make each slower: with four in place of three on two cores, 20
# readers get a tenth less. A page that is kept (lake/search/answer_cache.py) takes no slot. An export holds its slot
# for as long as its client reads, so it has slots of its own, and waiting long for one is of little use.
# deploy/gunicorn.conf.py has a thread for each of these and some to spare.
LIMITS: dict[Activity, Limit] = {
    "search": Limit(3, line=32, patience=10.0),
    "export": Limit(4, line=8, patience=2.0),
}


class Slot:
    """One of a limit's slots, taken. release() is idempotent."""

    def __init__(self, limit: Limit) -> None:
        limit.take()
        self._limit: Limit | None = limit
        self._streams = False

    def release(self) -> None:
        limit, self._limit = self._limit, None
        if limit is not None:
            limit.give()

    def over(self, body: Iterator[bytes]) -> "Stream":
        """The body of a streamed answer, which holds the slot until it is closed, after the view has returned."""
        self._streams = True
        return Stream(body, self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None or not self._streams:
            self.release()


class Stream:
    """Not a generator: close() of a generator that was never started runs nothing, as when the client goes at once."""

    def __init__(self, body: Iterator[bytes], slot: Slot) -> None:
        self._body, self._slot = body, slot

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        return next(self._body)

    def close(self) -> None:
        """Called by the web server after the last byte, after an error, and when the client has gone."""
        try:
            getattr(self._body, "close", lambda: None)()
        finally:
            self._slot.release()


def slot(kind: Activity) -> Slot:
    """Waits for a slot. Raises Overloaded, which is answered with 503 and Retry-After.

    with slot("search"):
        page = reader().find(search)

    with slot("export") as held:
        first = next(parts)  # an exception here releases the slot
        return StreamingHttpResponse(held.over(body(first, parts)))  # closing the response releases it
    """
    return Slot(LIMITS[kind])


def idle(kind: Activity) -> float:
    """The share of the slots that is free, from 0 to 1."""
    limit = LIMITS[kind]
    return limit.free / limit.at_once
