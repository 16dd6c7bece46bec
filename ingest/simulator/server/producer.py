"""Grows the log: by the wall clock, or as fast as the fastest subscriber reads it."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from ingest.simulator.log import Log

Source = Callable[[], Iterable[tuple[int, bytes]]]  # called when producer starts: a world's time starts then

BATCH = 512  # events produced at once: some ten milliseconds of work
_TICK_SECONDS = 0.005


class Producer:
    """Moves events from the source to the log, once the first subscriber is there.

    `rate`: events a second; 0: only while a subscriber waits for more.
    """

    def __init__(self, source: Source, log: Log, rate: float) -> None:
        self._source, self._log, self._rate = source, log, rate
        self._events: Iterator[tuple[int, bytes]] | None = None
        self._grown = asyncio.Event()
        self._clock: asyncio.Task[None] | None = None
        self.ended = False

    def start(self) -> None:
        if self._events is None:
            self._events = iter(self._source())
            if self._rate:
                self._clock = asyncio.create_task(self._by_the_clock())

    async def beyond(self, position: int) -> None:
        """Returns once the log is longer than `position`; never, if it ends before."""
        while self._log.end <= position:
            if not self._rate and self._produce(BATCH):
                await asyncio.sleep(0)
            else:
                await self._grown.wait()

    def publish(self, events: Iterable[tuple[int, bytes]]) -> None:
        """Appends events to the log, beside those of the source."""
        for time_us, frame in events:
            self._log.append(time_us, frame)
        self._log.flush()
        self._grown.set()
        self._grown = asyncio.Event()

    async def stop(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            await asyncio.wait([self._clock])

    def _produce(self, count: int) -> bool:
        """Whether there were events left."""
        if self._events is None or self.ended:
            return False
        before = self._log.end
        self.publish(islice(self._events, count))
        self.ended = self._log.end - before < count
        return self._log.end > before

    async def _by_the_clock(self) -> None:
        clock = asyncio.get_running_loop().time
        began, produced = clock(), 0
        while not self.ended:
            due = int((clock() - began) * self._rate) - produced
            if due > 0:
                produced += min(due, BATCH)
                self._produce(min(due, BATCH))
            await asyncio.sleep(0 if due > BATCH else _TICK_SECONDS)
