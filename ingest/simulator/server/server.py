"""Runs a simulated Jetstream: until a signal, or in a thread beside a test."""

import asyncio
import contextlib
import signal
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any, TypeVar

from ingest.simulator.log import timed
from ingest.simulator.server.faults import NO_FAULTS, Faults
from ingest.simulator.server.jetstream import Answer, Options, SimulatedJetstream
from ingest.simulator.server.producer import Source

_PROGRESS_SECONDS = 10
_ANY_PORT = Options(port=0)

T = TypeVar("T")


def serve(source: Source, options: Options, faults: Faults, say: Callable[[str], None], answer: Answer) -> None:
    """Serves until SIGTERM or SIGINT. `say` gets a line when it listens, for each connection, and every ten seconds of
    work. `answer`: as for SimulatedJetstream. Raises OSError when the port is taken."""
    asyncio.run(_serve(SimulatedJetstream(source, options, faults, say, answer), say))


async def _serve(simulated: SimulatedJetstream, say: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with simulated as server:
        say(f"simulated Jetstream listening on {server.url}")
        progress = asyncio.create_task(_report_progress(server, say))
        await stop.wait()
        progress.cancel()
    say(f"stopped after {_totals(server)}")


async def _report_progress(server: SimulatedJetstream, say: Callable[[str], None]) -> None:
    before = ""
    while True:
        await asyncio.sleep(_PROGRESS_SECONDS)
        if (line := _totals(server)) != before:
            say(line)
        before = line


def _totals(server: SimulatedJetstream) -> str:
    fired = ", ".join(f"{name} {count:,}" for name, count in sorted(server.fired.items()) if count)
    readers = f"{server.log.end:,} events, {server.sent:,} sent, {len(server.subscribers)} connected"
    return f"{readers}; faults: {fired}" if fired else readers


class Running:
    """A server in a thread of its own, for use from other threads."""

    def __init__(self, server: SimulatedJetstream, loop: asyncio.AbstractEventLoop) -> None:
        self._server, self._loop = server, loop
        self.port, self.url = server.port, server.url

    @property
    def frames(self) -> list[bytes]:
        """The log so far, as far as it is in memory."""
        return self._do(self._server.log.frames)

    @property
    def fired(self) -> Counter[str]:
        """How often each fault has fired."""
        return self._do(lambda: Counter(self._server.fired))

    @property
    def requests(self) -> list[str]:
        """The path and query of each connection so far."""
        return self._do(lambda: list(self._server.requests))

    def publish(self, *frames: bytes) -> None:
        """Appends frames to the log at once."""
        self._do(lambda: self._server.producer.publish(timed(frames)))

    def drop(self) -> None:
        """Cuts all connections without a close frame."""
        self._wait(self._server.cut_all())

    def _do(self, function: Callable[[], T]) -> T:
        async def call() -> T:
            return function()

        return self._wait(call())

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=30)


@contextlib.contextmanager
def running(
    log: Iterable[bytes] | Iterable[tuple[int, bytes]] | Source,
    *,
    faults: Faults = NO_FAULTS,
    options: Options = _ANY_PORT,
) -> Iterator[Running]:
    """A server in the background, by default on any free port.

    `log`: frames, or (time_us, frame) pairs as a World yields them, or a function that returns such pairs. They enter
    the log once the first subscriber is there, which gets all of them without a cursor.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="simulated Jetstream", daemon=True)
    thread.start()
    server = SimulatedJetstream(log if callable(log) else lambda: timed(log), options, faults)
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result()
        try:
            yield Running(server, loop)
        finally:
            asyncio.run_coroutine_threadsafe(server.__aexit__(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
