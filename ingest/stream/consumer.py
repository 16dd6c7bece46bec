"""From the socket to the buffer: events and the cursor after them enter Redis in one transaction.

After every loss of either side the position is read anew from Redis, for Redis may have come back with less.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, ParamSpec, TypeVar

import structlog

from ingest.buffer.entries import Cursor
from ingest.buffer.redis_stream import Buffer, BufferFull, BufferUnavailable
from ingest.stream import jetstream, metrics
from ingest.stream.connection_journal import ConnectionJournal
from ingest.stream.connection_progress import ConnectionProgress
from ingest.stream.frames import read_frames
from process.crash_points import crash_point
from process.instants import now_us

log = structlog.get_logger("consumer")

LOW_WATER = 0.75  # of the high-water mark: the consumer goes on below it
LOOK_SECONDS = 0.5  # between two looks at a buffer that is too full
ANSWER_SECONDS = 3  # that Redis is given for its last answer when we are asked to stop: all must end within 10

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Options:
    """`urls` are tried in turn. `collections`: those wanted, none for all. `high_water`: the part of Redis's memory at
    which we stop to receive. `checkpoint`: asked for the cursor when Redis has none."""

    urls: Sequence[str]
    collections: Sequence[str]
    high_water: float
    checkpoint: Callable[[], Cursor | None]


class ConnectionEnd(NamedTuple):
    """How a connection ended. `advanced`: it brought news. `next_host`: another host may do better."""

    advanced: bool
    next_host: bool


class Consumer:
    """Uses `buffer` alone, from threads, one call at a time."""

    def __init__(self, buffer: Buffer, journal: ConnectionJournal, options: Options) -> None:
        self._buffer = buffer
        self._journal = journal
        self._options = options

    async def run(self) -> None:
        """Works until it is cancelled. Raises BufferUnsafe when Redis is set up so that it may lose events."""
        cursor = await self._resume()
        urls = jetstream.rotation(self._options.urls, cursor.host if cursor else "")
        delays = jetstream.backoff()
        while True:
            ended = await self._connection(urls[0], cursor)
            if ended.next_host:
                urls.rotate(-1)
            if ended.advanced:
                delays = jetstream.backoff()
            await asyncio.sleep(next(delays))
            cursor = await self._resume()

    async def _resume(self) -> Cursor | None:
        """Waits for Redis and for room in it; then its cursor, or without one that of the last commit."""
        delays = jetstream.backoff()
        while True:
            try:
                await self._in_thread(self._buffer.connect)
                await self._room()
                return await self._in_thread(self._buffer.cursor) or await self._in_thread(self._options.checkpoint)
            except BufferUnavailable as error:
                delay = next(delays)
                log.warning("Redis is away: waiting", error=str(error), seconds=round(delay, 1))
                await asyncio.sleep(delay)

    async def _room(self) -> None:
        """Waits until the flusher has made room."""
        low = self._options.high_water * LOW_WATER
        if (fill := await self._in_thread(self._buffer.fill)) < self._options.high_water:
            return
        metrics.PAUSES.inc()
        log.warning("buffer above its high-water mark: waiting", fill=round(fill, 3), until=round(low, 3))
        while (fill := await self._in_thread(self._buffer.fill)) >= low:
            metrics.BUFFER_FILL.set(fill)
            await asyncio.sleep(LOOK_SECONDS)
        log.info("buffer has room again", fill=round(fill, 3))

    async def _connection(self, url: str, cursor: Cursor | None) -> ConnectionEnd:
        """Opens one connection and works until either side fails."""
        ask = jetstream.subscribe_request(url, cursor, self._options.collections)
        progress = ConnectionProgress(ask, cursor, self._journal)
        why, next_host = "stopped", False
        try:
            async with jetstream.session(ask.url) as session:
                progress.opened()
                await self._receive(session, progress)
        except jetstream.Disconnected as error:
            why, next_host = str(error), error.stalled or not progress.advanced
        except BufferUnavailable as error:
            why = f"Redis went away: {error}"
        except BufferFull as error:
            why = str(error)
        finally:
            progress.closed(why)
        return ConnectionEnd(progress.advanced, next_host)

    async def _receive(self, session: jetstream.Session, progress: ConnectionProgress) -> None:
        """Frames to buffer, for ever. Cancelled or failed at any point, it loses nothing: what Redis has not
        acknowledged is behind the cursor that Redis has."""
        while True:
            frames = await session.receive()
            crash_point("consume:received")
            batch = read_frames(frames, progress.cursor, progress.host, now_us())
            fill = await self._in_thread(self._buffer.append, batch.events, batch.drops, batch.cursor)
            crash_point("consume:appended")
            progress.buffered(batch, fill)
            if progress.due():
                progress.save(await self._in_thread(self._buffer.depth))
            if fill >= self._options.high_water:
                raise BufferFull(f"buffer at {fill:.0%} of Redis's memory")

    async def _in_thread(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Calls it in a thread and waits, when cancelled too: nothing of ours runs on behind our back. A Redis that
        then does not answer in time is left."""
        call = asyncio.ensure_future(asyncio.to_thread(function, *arguments, **named))
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            await asyncio.wait([call], timeout=ANSWER_SECONDS)
            if not call.done():
                self._buffer.hang_up()
                await asyncio.wait([call])
            call.exception()  # of no interest any more, but asyncio wants it looked at
            raise
