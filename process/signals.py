"""What every long-running command shares: it runs once at a time, stops when asked, and can be killed at a named step.

The lake's commands use it too. It knows nothing of what the commands do.
"""

import signal
import threading
from collections.abc import Callable
from types import FrameType

import structlog

log = structlog.get_logger("process")


class Stop:
    """A request to stop, made by SIGTERM or SIGINT. The loop looks at it between units of work."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._callbacks: list[Callable[[], object]] = []

    def listen(self) -> "Stop":
        """Takes the signals of this process; only the main thread may."""
        signal.signal(signal.SIGTERM, self._asked)
        signal.signal(signal.SIGINT, self._asked)
        return self

    def call(self, callback: Callable[[], object]) -> None:
        """Also calls this, from the signal handler."""
        self._callbacks.append(callback)

    def _asked(self, number: int, _frame: FrameType | None) -> None:
        self.set()

    def set(self) -> None:
        self._event.set()
        for callback in self._callbacks:
            callback()

    def __bool__(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleeps, at most so long; True as soon as a stop is asked for."""
        return self._event.wait(seconds)
