"""A request to stop, by SIGTERM or SIGINT."""

import signal
import threading
from collections.abc import Callable
from types import FrameType


class Stop:
    """True once a stop is requested. A loop looks at it between units of work."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._callbacks: list[Callable[[], object]] = []

    def listen(self) -> "Stop":
        """Takes SIGTERM and SIGINT of this process. Only the main thread may call it."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        return self

    def call(self, callback: Callable[[], object]) -> None:
        """Adds a callback, which runs inside the signal handler."""
        self._callbacks.append(callback)

    def call_later(self, seconds: float, work: Callable[[], object]) -> None:
        """Adds a call that comes, in a thread, so long after the request, unless the process has ended by then."""

        def start() -> None:
            timer = threading.Timer(seconds, work)
            timer.daemon = True
            timer.start()

        self.call(start)

    def set(self) -> None:
        self._event.set()
        for callback in self._callbacks:
            callback()

    def wait(self, seconds: float) -> bool:
        """Sleeps for that time or until a stop is requested; whether one is."""
        return self._event.wait(seconds)

    def __bool__(self) -> bool:
        return self._event.is_set()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.set()
