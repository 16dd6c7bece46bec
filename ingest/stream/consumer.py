"""From the socket to the buffer: events, and the cursor after them, enter Redis in one transaction.

After either side was lost the cursor is read from Redis again, which may have come back with fewer events.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, ParamSpec, TypeVar

import structlog

from ingest import metrics
from ingest.buffer.entries import Cursor
from ingest.buffer.redis_stream import TIMEOUT_SECONDS, Buffer, BufferFull, BufferUnavailable
from ingest.stream.connection_journal import ConnectionJournal
from ingest.stream.connection_progress import ConnectionProgress
from ingest.stream.frames import read_frames
from ingest.stream.jetstream import IDLE_SECONDS, Disconnected, Session, session
from ingest.stream.subscribe_request import backoff, rotation, subscribe_request
from process import heartbeats
from process.crash_points import crash_point
from process.instants import now_us

log = structlog.get_logger("consumer")

LOW_WATER = 0.75  # of the high-water mark: below it the consumer resumes
POLL_SECONDS = 0.5  # how often a buffer that is too full is looked at
BUFFER = "buffer"  # as /health/ready calls it
REPLY_SECONDS = TIMEOUT_SECONDS + heartbeats.PATIENCE_SECONDS
SILENCE_SECONDS = IDLE_SECONDS + heartbeats.PATIENCE_SECONDS
LAST_REPLY_SECONDS = 3  # for Redis to reply after a stop was requested, which must be done within 10

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Options:
    """`urls`: tried in turn. `collections`: to subscribe to; empty for all. `high_water`: part of Redis's memory at
    which receiving stops. `checkpoint`: returns the cursor to resume at if Redis has none."""

    urls: Sequence[str]
    collections: Sequence[str]
    high_water: float
    checkpoint: Callable[[], Cursor | None]


class ConnectionEnd(NamedTuple):
    """`advanced`: the connection brought something new. `next_host`: another host may do better."""

    advanced: bool
    next_host: bool


class Consumer:
    """Needs `buffer` for itself: calls it from threads, one call at a time."""

    def __init__(self, buffer: Buffer, journal: ConnectionJournal, options: Options) -> None:
        self._buffer = buffer
        self._journal = journal
        self._options = options

    async def run(self) -> None:
        """Runs until it is cancelled. Raises BufferUnsafe when Redis is configured so that it may lose events."""
        cursor = await self._resume()
        urls = rotation(self._options.urls, cursor.host if cursor else "")
        delays = backoff()
        while True:
            ended = await self._connection(urls[0], cursor)
            if ended.next_host:
                urls.rotate(-1)
            if ended.advanced:
                delays = backoff()
            await asyncio.sleep(next(delays))
            cursor = await self._resume()

    async def _resume(self) -> Cursor | None:
        """Waits for Redis, and for room in it. Returns its cursor, or that of the last commit if it has none."""
        delays = backoff()
        while True:
            try:
                heartbeats.beat("connects to Redis", REPLY_SECONDS, BUFFER)
                await self._in_thread(self._buffer.connect)
                await self._room()
                return await self._in_thread(self._buffer.cursor) or await self._in_thread(self._options.checkpoint)
            except BufferUnavailable as error:
                delay = next(delays)
                log.warning("Redis is away: waiting", error=str(error), seconds=round(delay, 1))
                heartbeats.beat(f"waits for Redis: {error}", REPLY_SECONDS, BUFFER)
                await asyncio.sleep(delay)

    async def _room(self) -> None:
        """Returns once the buffer is below its high-water mark; if it was above, below the low-water mark."""
        high, low = self._options.high_water, self._options.high_water * LOW_WATER
        if (fill := await self._in_thread(self._buffer.fill)) < high:
            return
        metrics.PAUSES.inc()
        log.warning("buffer above its high-water mark: waiting", fill=round(fill, 3), until=round(low, 3))
        while (fill := await self._in_thread(self._buffer.fill)) >= low:
            metrics.BUFFER_FILL.set(fill)
            heartbeats.beat(f"waits for room: the buffer is {fill:.0%} full", REPLY_SECONDS, BUFFER)
            await asyncio.sleep(POLL_SECONDS)
        log.info("buffer has room again", fill=round(fill, 3))

    async def _connection(self, url: str, cursor: Cursor | None) -> ConnectionEnd:
        """Opens one connection, and receives until either side fails."""
        request = subscribe_request(url, cursor, self._options.collections)
        progress = ConnectionProgress(request, cursor, self._journal)
        why, next_host, reason = "stopped", False, None
        try:
            heartbeats.beat("connects", SILENCE_SECONDS, host=progress.host)
            async with session(request.url) as opened:
                progress.opened()
                await self._receive(opened, progress)
        except Disconnected as error:
            why, next_host, reason = str(error), error.stalled or not progress.advanced, error.reason
        except BufferUnavailable as error:
            why, reason = f"Redis went away: {error}", "redis_away"
        except BufferFull as error:
            why, reason = str(error), "buffer_full"
        finally:
            progress.closed(why)
            if reason:
                metrics.RECONNECTED.labels(reason).inc()
        return ConnectionEnd(progress.advanced, next_host)

    async def _receive(self, opened: Session, progress: ConnectionProgress) -> None:
        """From frames to the buffer, until it is cancelled or fails. At no point does that lose an event: whatever
        Redis has not acknowledged comes after the cursor that Redis has."""
        while True:
            heartbeats.beat("receives", SILENCE_SECONDS)
            frames = await opened.receive()
            heartbeats.beat("writes to Redis", REPLY_SECONDS, BUFFER, last_frame=time.time())
            crash_point("consume:received")
            batch = read_frames(frames, progress.cursor, progress.host, now_us())
            fill = await self._in_thread(self._buffer.append, batch.events, batch.drops, batch.cursor)
            crash_point("consume:appended")
            progress.buffered(batch, fill)
            if progress.save_due():
                progress.save(await self._in_thread(self._buffer.depth))
            if fill >= self._options.high_water:
                raise BufferFull(f"buffer at {fill:.0%} of Redis's memory")

    async def _in_thread(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Calls it in a thread and waits for its end, also when cancelled, but then for LAST_REPLY_SECONDS at most."""
        call = asyncio.ensure_future(asyncio.to_thread(function, *arguments, **named))
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            await asyncio.wait([call], timeout=LAST_REPLY_SECONDS)
            if not call.done():
                self._buffer.hang_up()
                await asyncio.wait([call])
            call.exception()  # retrieved, or asyncio would report it
            raise
