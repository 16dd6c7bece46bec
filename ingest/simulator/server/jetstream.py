"""A simulated Jetstream: one log behind a real websocket server."""

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.http11 import Request, Response

from ingest.simulator.log import Log
from ingest.simulator.server.faults import NO_FAULTS, FaultInjector, Faults
from ingest.simulator.server.producer import Producer, Source
from ingest.simulator.server.subscriber import Subscriber
from ingest.simulator.server.subscription import Refused, subscription

_QUIET = logging.getLogger("ingest.simulator.websockets")  # `report` is our log
_QUIET.setLevel(logging.ERROR)
_WRITE_LIMIT = 1 << 20  # bytes buffered for a slow reader before we wait for it
_CLOSE_SECONDS = 2.0  # for a reader to reply to our close frame
_MESSAGE_BYTES = 10_000_000  # the largest message from a client, as on the real server


Answer = Callable[[str], tuple[int, str] | None]  # status and JSON for a path and query; None for a 404


@dataclass(frozen=True)
class Options:
    """`rate`: events a second by the wall clock; 0: as fast as the fastest subscriber takes them.

    `port`: 0 for any free one. `keep`: events kept in memory for replays. `v2`: frames carry `cursor`, their number
    from 1 on, and small cursors are such numbers. `dump`: a file that each frame of the log is written to as a line.
    """

    host: str = "127.0.0.1"
    port: int = 6008
    rate: float = 0
    keep: int = 2_000_000
    v2: bool = False
    ping_interval: float = 30.0
    dump: Path | None = None


DEFAULTS = Options()


class SimulatedJetstream:
    """An async context manager that listens while it is open. Raises OSError when the port is taken.

    `source` is called when the first subscriber connects; from then on the log grows. `answer` handles HTTP requests
    that are not for a Jetstream.
    """

    def __init__(
        self,
        source: Source,
        options: Options = DEFAULTS,
        faults: Faults = NO_FAULTS,
        report: Callable[[str], None] = lambda line: None,
        answer: Answer = lambda target: None,
    ) -> None:
        self._options, self._report, self._answer_others = options, report, answer
        self._copy: BinaryIO | None = options.dump.open("wb") if options.dump else None
        self.log = Log(options.keep, self._copy)
        self.producer = Producer(source, self.log, options.rate)
        self._injector = FaultInjector(faults)
        self.subscribers: set[Subscriber] = set()
        self.requests: list[str] = []  # the path and query of each connection so far
        self._sent_before = 0  # on connections that have ended

    @property
    def fired(self) -> Counter[str]:
        return self._injector.fired

    @property
    def sent(self) -> int:
        """Events sent so far, to all subscribers."""
        return self._sent_before + sum(subscriber.sent for subscriber in self.subscribers)

    @property
    def port(self) -> int:
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"ws://{self._options.host}:{self.port}/subscribe"

    async def __aenter__(self) -> Self:
        host, port = self._options.host, self._options.port
        try:
            self._server: Server = await listen(
                self._serve,
                host,
                port,
                process_request=self._answer,
                compression=None,
                ping_interval=None,  # Subscriber pings: it must be able to stop, too
                close_timeout=_CLOSE_SECONDS,
                max_size=_MESSAGE_BYTES,
                write_limit=_WRITE_LIMIT,
                logger=_QUIET,
            )
        except OSError as error:
            self._close_copy()
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise OSError(f"cannot listen on {host}:{port}: {reason}") from error
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._server.wait_closed()
        except TimeoutError:  # a reader that does not read does not get our close frame either
            for subscriber in self.subscribers:
                subscriber.abort()
            await self._server.wait_closed()
        await self.producer.stop()
        self._close_copy()

    def _close_copy(self) -> None:
        if self._copy is not None:
            self._copy.close()

    async def cut_all(self) -> None:
        """Ends all connections without a close frame."""
        await asyncio.gather(*(subscriber.cut() for subscriber in self.subscribers))

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None  # set by the handshake
        path = connection.request.path
        self.requests.append(path)
        subscriber = Subscriber(
            connection, subscription(path), self.log, self.producer, self._injector, self._options.v2
        )
        self.producer.start()
        self.subscribers.add(subscriber)
        self._report(f"opened {path}")
        try:
            await subscriber.run(self._options.ping_interval)
        finally:
            self.subscribers.discard(subscriber)
            self._sent_before += subscriber.sent
            self._report(f"closed {path} after {subscriber.sent:,} events")

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Responses without a websocket: the greeting, other services, refused requests. None to open one."""
        path = request.path.partition("?")[0]
        if path == "/":
            return connection.respond(200, "Welcome to Jetstream")
        if path != "/subscribe":
            status, text = self._answer_others(request.path) or (404, "404 page not found\n")
            return connection.respond(status, text)
        try:
            subscription(request.path)
        except Refused as refused:
            return connection.respond(400, str(refused))
        return None
