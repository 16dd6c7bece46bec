"""A command runs once at a time: a flock on a file beside the database."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from django.conf import settings

from process.signals import Stop

log = structlog.get_logger("process")


@contextmanager
def only_one(name: str, stop: Stop) -> Iterator[None]:
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
