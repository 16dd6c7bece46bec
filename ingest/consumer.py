"""From the socket to the buffer: events and the cursor after them enter Redis in one transaction.

After every loss of either side the position is read anew from Redis, for Redis may have come back with less.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

from ingest import jetstream, metrics
from ingest.buffer import Buffer, BufferFull, BufferUnavailable, Cursor
from ingest.connections import Journal
from ingest.events import EARLIEST_TIME_US, Drop, Event, read
from ingest.process import crash_point, now_us

log = structlog.get_logger("consumer")

AHEAD_US = 60_000_000  # clocks of hosts differ; a time_us further ahead is an error and must not move the cursor
GAP_US = 60_000_000
LOW_WATER = 0.75  # of the high-water mark: the consumer goes on below it
SAVE_SECONDS = 10


class Read(NamedTuple):
    """What frames say: events with the cursor after each, dead letters, and the cursor after all."""

    events: list[tuple[Event, Cursor]]
    drops: list[Drop]
    cursor: Cursor | None


def plausible(event: Event, now: int) -> bool:
    return EARLIEST_TIME_US <= event.time_us <= now + AHEAD_US


def advance(cursor: Cursor | None, event: Event, host: str, now: int) -> Cursor | None:
    """The cursor after this event: the highest plausible time_us, never ahead of now, and the seq on this host."""
    time_us = max(min(event.time_us, now) if plausible(event, now) else 0, cursor.time_us if cursor else 0)
    return Cursor(time_us, host, event.seq) if time_us else None


def read_frames(frames: Iterable[bytes], cursor: Cursor | None, host: str, now: int) -> Read:
    events: list[tuple[Event, Cursor]] = []
    drops: list[Drop] = []
    for frame in frames:
        event = read(frame)
        if isinstance(event, Drop):
            drops.append(event)
            continue
        cursor = advance(cursor, event, host, now)
        events.append((event, cursor or Cursor(0, host)))
    return Read(events, drops, cursor)


def gap_us(asked: int | None, first: int) -> int | None:
    """How long after the time asked the first event came, when that is too long."""
    return first - asked if asked is not None and first - asked > GAP_US else None


@dataclass
class Options:
    urls: Sequence[str]
    collections: Sequence[str]
    high_water: float
    checkpoint: Callable[[], Cursor | None]


@dataclass
class _Progress:
    """Of one connection."""

    frames: int = 0
    first: int | None = None
    last: int | None = None
    saved: float = field(default_factory=time.monotonic)


class Consumer:
    def __init__(self, buffer: Buffer, journal: Journal, options: Options) -> None:
        self._buffer = buffer
        self._journal = journal
        self._options = options
        self._hosts = list(options.urls)  # the first is the next to try

    async def run(self) -> None:
        """Until cancelled."""
        delays = jetstream.backoff()
        while True:
            cursor = await self._resume()
            self._prefer(cursor)
            progress = _Progress()
            why = await self._connection(cursor, progress)
            log.info("disconnected", host=jetstream.host_of(self._hosts[0]), why=why, frames=progress.frames)
            if progress.frames:
                delays = jetstream.backoff()
            else:
                self._hosts.append(self._hosts.pop(0))
            await asyncio.sleep(next(delays))

    def _prefer(self, cursor: Cursor | None) -> None:
        """Begins with the host where the cursor counts, once: later failures rotate."""
        for url in self._hosts:
            if cursor and jetstream.host_of(url) == cursor.host and not self._rotated:
                self._hosts.remove(url)
                self._hosts.insert(0, url)
                break
        self._rotated = True

    _rotated = False

    async def _resume(self) -> Cursor | None:
        """Waits for Redis and for room in it; then its cursor, or without one that of the last commit."""
        delays = jetstream.backoff()
        while True:
            try:
                await asyncio.to_thread(self._buffer.connect)
                await self._room()
                return await asyncio.to_thread(self._buffer.cursor) or await asyncio.to_thread(self._options.checkpoint)
            except BufferUnavailable as error:
                delay = next(delays)
                log.warning("Redis is away: waiting", error=str(error), seconds=round(delay, 1))
                await asyncio.sleep(delay)

    async def _room(self) -> None:
        low = self._options.high_water * LOW_WATER
        if (fill := await asyncio.to_thread(self._buffer.fill)) < self._options.high_water:
            return
        metrics.PAUSES.inc()
        log.warning("buffer above its high-water mark: the socket stays closed", fill=round(fill, 3), until=round(low, 3))
        while (fill := await asyncio.to_thread(self._buffer.fill)) >= low:
            metrics.BUFFER_FILL.set(fill)
            await asyncio.sleep(0.5)
        log.info("buffer has room again", fill=round(fill, 3))

    async def _connection(self, cursor: Cursor | None, progress: _Progress) -> str:
        """Opens one connection and works until it ends; why it ended."""
        ask = jetstream.ask(self._hosts[0], cursor, self._options.collections)
        try:
            async with jetstream.session(ask.url) as session:
                self._opened(ask)
                why = "stopped"
                try:
                    why = await self._work(session, ask, cursor, progress)
                finally:
                    metrics.CONNECTED.set(0)
                    self._journal.closed(why, frames=progress.frames, last_received=progress.last)
                return why
        except jetstream.Disconnected as error:
            return str(error)

    def _opened(self, ask: jetstream.Ask) -> None:
        host = jetstream.host_of(ask.url)
        metrics.CONNECTED.set(1)
        metrics.CONNECTIONS.inc()
        log.info("connected", host=host, cursor=ask.cursor)
        self._journal.opened(host, ask.cursor)

    async def _work(self, session: jetstream.Session, ask: jetstream.Ask, cursor: Cursor | None, progress: _Progress) -> str:
        """Frames to buffer, until either side fails."""
        host = jetstream.host_of(ask.url)
        while True:
            try:
                frames = await session.receive()
                crash_point("consume:received")
                batch = read_frames(frames, cursor, host, now_us())
                fill = await asyncio.to_thread(self._buffer.append, batch.events, batch.drops, batch.cursor)
                crash_point("consume:appended")
            except jetstream.Disconnected as error:
                return str(error)
            except BufferUnavailable as error:
                return f"Redis went away: {error}"
            except BufferFull as error:
                return str(error)
            cursor = batch.cursor
            self._count(batch, ask, progress, fill)
            if fill >= self._options.high_water:
                return f"buffer at {fill:.0%} of Redis's memory"

    def _count(self, batch: Read, ask: jetstream.Ask, progress: _Progress, fill: float) -> None:
        progress.frames += len(batch.events) + len(batch.drops)
        metrics.RECEIVED.inc(len(batch.events) + len(batch.drops))
        metrics.APPENDED.inc(len(batch.events))
        metrics.BUFFER_FILL.set(fill)
        for drop in batch.drops:
            metrics.DROPPED.labels(drop.reason).inc()
        if batch.events:
            self._received(batch.events, ask, progress)
        if time.monotonic() - progress.saved >= SAVE_SECONDS:
            progress.saved = time.monotonic()
            self._journal.progress(frames=progress.frames, last_received=progress.last)
            log.info("received", frames=progress.frames, fill=round(fill, 3))

    def _received(self, events: list[tuple[Event, Cursor]], ask: jetstream.Ask, progress: _Progress) -> None:
        progress.last = events[-1][1].time_us
        metrics.LAG.set((now_us() - progress.last) / 1e6)
        if progress.first is None:
            progress.first = next((event.time_us for event, _ in events if plausible(event, now_us())), None)
            if progress.first is not None:
                self._first(progress.first, ask)

    def _first(self, first: int, ask: jetstream.Ask) -> None:
        gap = gap_us(ask.time_us, first)
        if gap is not None:
            metrics.GAPS.inc()
            log.warning("gap: the first event came late, what lies between may be missing", seconds=gap / 1e6, asked=ask.cursor)
        self._journal.progress(first_received=first, gap_seconds=None if gap is None else gap / 1e6)
