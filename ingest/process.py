"""What every long-running command shares: it runs once at a time, stops when asked, and can be killed at a named step.

The lake's commands use it too. It knows nothing of what the commands do.
"""

import fcntl
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

import structlog
from django.conf import settings
from django.core.management.base import CommandError
from prometheus_client import start_http_server

log = structlog.get_logger("process")

CRASH_POINTS = (
    "consume:received",
    "consume:appended",
    "flush:read",
    "flush:written",
    "flush:renamed",
    "flush:committed",
    "flush:trimmed",
    "compact:written",
    "compact:renamed",
    "compact:committed",
    "compact:moved",
    "compact:swept",
)


def crash_point(name: str) -> None:
    """Kills this process with SIGKILL when CRASH_AT names this step: for tests, which set it with DEBUG only."""
    if name == settings.CRASH_AT:
        os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def only_one(name: str, stop: "Stop") -> Iterator[None]:
    """Holds the lock file `<database>.<name>.lock`: a second copy says so and waits until the first one ends,
    or until it is asked to stop: then it is in the block without the lock and must look at `stop` first."""
    with lock_path(name).open("w") as file:
        if not _locked(file.fileno()):
            log.warning("another copy runs: waiting until it ends", command=name, lock=str(lock_path(name)))
        while not _locked(file.fileno()):
            if stop.wait(0.2):
                break
        yield


def running(name: str) -> bool:
    """Whether some process holds the lock of that command now."""
    with lock_path(name).open("w") as file:
        return not _locked(file.fileno())


def lock_path(name: str) -> Path:
    return Path(f"{settings.DATABASE_PATH}.{name}.lock")


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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


def serve_metrics(variable: str) -> None:
    """Serves this process's metrics on 127.0.0.1 at the port of that setting; 0 serves none.

    Raises CommandError when the port is taken."""
    port: int = getattr(settings, variable)
    if port == 0:
        return
    try:
        start_http_server(port, addr="127.0.0.1")
    except OSError as error:
        raise CommandError(
            f"{variable}={port}: the port can't be opened ({error.strerror}). Choose another."
        ) from error


def now_us() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def iso(us: int) -> str:
    """Microseconds since 1970 as ISO 8601 in UTC; the number itself where no calendar reaches."""
    try:
        moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=us)
    except OverflowError:
        return str(us)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
