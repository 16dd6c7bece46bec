"""One connection: sends its part of the log, with the faults on request."""

import asyncio
import re
from collections import deque
from contextlib import suppress

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from ingest.simulator.log import Log
from ingest.simulator.server.faults import Drop, FaultInjector, Stall
from ingest.simulator.server.framing import pack, pack_texts
from ingest.simulator.server.producer import BATCH, Producer
from ingest.simulator.server.subscription import Refused, Subscription, start_position, updated

_TIME_US = re.compile(rb'"time_us":\s*-?[0-9]+')
_REORDER_SECONDS = 0.2  # with a rate, events come one by one: gather some to shuffle
_DRAIN_SECONDS = 1.0  # for what is written already, before a connection is cut


class Subscriber:
    """`counted`: frames carry `cursor`, as on servers of the second generation. `sent`: events, not frames."""

    def __init__(
        self,
        connection: ServerConnection,
        subscription: Subscription,
        log: Log,
        producer: Producer,
        injector: FaultInjector,
        counted: bool,
    ) -> None:
        self._connection, self._log, self._producer, self._injector = connection, log, producer, injector
        self._counted = counted
        self._filter = subscription.filter
        self._position = start_position(subscription.cursor, log, counted)
        self._cut_at = injector.cut_replay(self._position, log.end)
        self._recent: deque[bytes] = deque(maxlen=injector.faults.repeat_window or 1)
        self._stalled = False
        self.sent = 0

    async def run(self, ping_interval: float) -> None:
        """Returns when the connection has ended, from either side. Raises errors of our own."""
        jobs = [asyncio.create_task(job) for job in (self._send(), self._listen(), self._ping(ping_interval))]
        try:
            ended, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
        for job in ended:
            with suppress(ConnectionClosed, OSError):
                job.result()

    async def _send(self) -> None:
        while self._connection.state is State.OPEN:
            await self._producer.beyond(self._position)
            if self._injector.faults.reorder and self._log.end - self._position < BATCH:
                await asyncio.sleep(_REORDER_SECONDS)
            if self._position < self._log.first:  # too slow: the next frame is no longer in memory
                await self.cut()
                return
            frames = self._log.read(self._position, BATCH)
            if self._injector.faults.any() or self._counted or not self._filter.all():
                await self._send_altered(frames)
            else:
                await self._write(pack_texts(frames))
                self.sent += len(frames)
            self._position += len(frames)

    async def _send_altered(self, frames: list[bytes]) -> None:
        events = list(enumerate(frames, self._position))
        if not self._filter.all():
            events = [(position, frame) for position, frame in events if self._filter.includes(frame)]
        if self._counted:
            events = [(position, counted(frame, position + 1)) for position, frame in events]
        for step in self._injector.steps(events, self._recent, self._cut_at):
            if isinstance(step, Drop):
                await self.cut()
            elif isinstance(step, Stall):
                await self._stall(step.seconds)
            else:
                await self._write(pack(step))
        self.sent += len(events)

    async def _write(self, data: bytes) -> None:
        """Writes whole frames, then waits until there is room for more."""
        if self._connection.state is State.OPEN:
            self._connection.transport.write(data)
            await self._connection.drain()
        await asyncio.sleep(0)  # let others run: the lines above do not yield while the reader is fast

    def abort(self) -> None:
        """Ends the TCP connection at once, and loses what is still to be written."""
        self._connection.transport.abort()

    async def cut(self) -> None:
        """Ends the TCP connection without a close frame: the reader sees code 1006."""
        transport = self._connection.transport
        transport.set_write_buffer_limits(0)  # drain() now waits until all is written
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                await self._connection.drain()
        transport.abort()
        await self._connection.wait_closed()

    async def _stall(self, seconds: float) -> None:
        """No events, no pings, and no pongs either, as nothing is read."""
        self._stalled = True
        self._connection.transport.pause_reading()
        await asyncio.sleep(seconds)
        self._connection.transport.resume_reading()
        self._stalled = False

    async def _listen(self) -> None:
        """Applies options_update. An invalid message ends the connection with code 1000 and the reason."""
        async for message in self._connection:
            try:
                self._filter = (updated(message) if isinstance(message, str) else None) or self._filter
            except Refused as refused:
                await self._connection.close(1000, str(refused)[:120])

    async def _ping(self, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            if not self._stalled:
                await self._connection.ping()


def counted(frame: bytes, seq: int) -> bytes:
    """The frame with `cursor` after its time_us."""
    found = _TIME_US.search(frame)
    return frame if found is None else b'%b,"cursor":%d%b' % (frame[: found.end()], seq, frame[found.end() :])
