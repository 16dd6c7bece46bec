"""Locks between processes: flocks on files. The kernel releases them when their holder ends, however it ends."""

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import structlog
from django.conf import settings

from process.signals import Stop

log = structlog.get_logger("process")

RETRY_SECONDS = 0.2


class Locked(Exception):
    """Another process holds the lock."""


@contextmanager
def exclusive(path: Path, error: Exception | None = None, mode: str = "a+", wait: bool = False) -> Iterator[IO[str]]:
    """Holds the lock on this file, and yields the file, opened in `mode`: "a+" creates it if it is missing.

    While another process holds it: waits with `wait`, else raises `error`, by default Locked."""
    with path.open(mode) as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as blocked:
            raise error or Locked(str(path)) from blocked
        yield file


@contextmanager
def only_one(name: str, stop: Stop) -> Iterator[None]:
    """Holds the lock of a command. A second copy logs that it waits, until the first one ends.

    A stop ends the wait without the lock: the block must look at `stop` first."""
    waiting = False
    with ExitStack() as held:
        while not take(held, name):
            if not waiting:
                log.warning("another copy runs: waiting until it ends", command=name, lock=str(lock_path(name)))
            waiting = True
            if stop.wait(RETRY_SECONDS):
                break
        yield


def take(held: ExitStack, name: str) -> bool:
    """Takes the lock of a command until `held` closes; False while a process holds it."""
    try:
        held.enter_context(exclusive(lock_path(name)))
    except Locked:
        return False
    return True


def running(name: str) -> bool:
    """Whether a process holds the lock of that command now."""
    with ExitStack() as held:
        return not take(held, name)


def lock_path(name: str) -> Path:
    """The lock file of a command, beside the database."""
    return Path(f"{settings.DATABASE_PATH}.{name}.lock")
