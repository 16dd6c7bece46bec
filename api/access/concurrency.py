"""How much is done at once: the rest waits a moment in line, and is then told to come back."""

import threading
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Literal, Self

Activity = Literal["search", "export"]


class Overloaded(Exception):
    """As many queries as may run at once do, and the line before them is full, or did not move in time."""


class Limit:
    """At most `at_once` are taken; at most `line` wait, `patience` seconds each. First come, first served."""

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
                if not turn.is_set():  # else it came at the last moment
                    self._waiting.remove(turn)
                    raise Overloaded

    def give(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()  # what was given is the next one's: nobody can come between
            else:
                self._free += 1

    @property
    def free(self) -> int:
        return self._free


# Searches share DuckDB's threads, so more at once make each slower. Four that count a common word for 0.5 s each let
# the whole line pass in 4 s. An export has its place as long as its reader takes: it is none of a search's, and waiting
# for one is mostly in vain. deploy/gunicorn.conf.py has a thread for each of these and some for the rest.
LIMITS: dict[Activity, Limit] = {
    "search": Limit(4, line=32, patience=10.0),
    "export": Limit(4, line=8, patience=2.0),
}


class Slot:
    """A place among those at work. Given back once, whoever says so how often."""

    def __init__(self, limit: Limit) -> None:
        limit.take()
        self._limit: Limit | None = limit
        self._streams = False

    def release(self) -> None:
        limit, self._limit = self._limit, None
        if limit is not None:
            limit.give()

    def over(self, body: Iterator[bytes]) -> "Stream":
        """The body of an answer that is sent after the view has returned: it keeps the slot until it is closed."""
        self._streams = True
        return Stream(body, self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None or not self._streams:
            self.release()


class Stream:
    """No generator: one that was never begun would not notice that it is closed, as when the client goes at once."""

    def __init__(self, body: Iterator[bytes], slot: Slot) -> None:
        self._body, self._slot = body, slot

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        return next(self._body)

    def close(self) -> None:
        """The web server calls it after the last byte, after an error, and when the client has gone."""
        try:
            getattr(self._body, "close", lambda: None)()
        finally:
            self._slot.release()


def slot(kind: Activity) -> Slot:
    """Waits for its turn. Raises Overloaded, which is answered with 503 and Retry-After.

    with slot("search"):
        page = reader().find(search)

    with slot("export") as taken:
        first = next(pieces)  # what fails in here gives the slot back
        return StreamingHttpResponse(taken.over(body(first, pieces)))  # from here on the response does
    """
    return Slot(LIMITS[kind])
