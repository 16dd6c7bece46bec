"""Events for the simulator to serve: some of a world, or as many as a test needs until it says enough."""

import threading
from collections.abc import Iterator
from itertools import islice

from ingest.simulator.world.world import World

START_US = 1_782_907_200_000_000  # 2026-07-01T12:00:00Z
Moment = tuple[int, bytes]


def world(count: int, per_second: float = 20.0, seed: int = 1) -> list[Moment]:
    """Events of all kinds. At 20 a second of their own time, the consumer's rewind of 5 s is 100 events: it can't
    hide a loss."""
    return list(islice(World(seed, START_US, per_second, users=2_000), count))


def frames_of(moments: list[Moment]) -> list[bytes]:
    return [frame for _, frame in moments]


class Endless:
    """A source that goes on until `finish()`."""

    def __init__(self, per_second: float, seed: int = 1, users: int = 2_000, start_us: int = START_US) -> None:
        self._world = World(seed, start_us, per_second, users=users)
        self._enough, self._over = threading.Event(), threading.Event()

    def __call__(self) -> Iterator[Moment]:
        for moment in self._world:
            if self._enough.is_set():
                break
            yield moment
        self._over.set()

    def finish(self) -> None:
        """Returns when the log holds all that there will ever be."""
        self._enough.set()
        assert self._over.wait(30)
