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
from ingest.simulator.server.faults import NO_FAULTS, Faults, Troublemaker
from ingest.simulator.server.production import Production, Source
from ingest.simulator.server.subscriber import Subscriber
from ingest.simulator.server.subscription import Refused, subscription

_QUIET = logging.getLogger("ingest.simulator.websockets")  # `report` tells what is worth telling
_QUIET.setLevel(logging.ERROR)
_WRITE_LIMIT = 1 << 20  # bytes that wait for a slow reader before we wait too
_CLOSE_SECONDS = 2.0  # for a reader to answer our close frame
_MESSAGE_BYTES = 10_000_000  # the largest message from a client, as on the real server


Answer = Callable[[str], tuple[int, str] | None]  # status and JSON for a path and query that is not ours


@dataclass(frozen=True)
class Options:
    """`rate`: events a second by the wall clock; 0: as fast as the fastest subscriber takes them.

    `port`: 0 is any free one. `keep`: events that stay in memory for replays. `v2`: frames carry `cursor`, their
    number from 1 on, and small cursors are such numbers. `dump`: a file that gets each frame of the log as a line.
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
    """An async context manager: listens while it is open. Raises OSError when the port is taken.

    `source` is called when the first subscriber connects, and from then on the log grows. `answer` is asked about HTTP
    requests that a Jetstream knows nothing of.
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
        self.production = Production(source, self.log, options.rate)
        self._trouble = Troublemaker(faults)
        self.subscribers: set[Subscriber] = set()
        self.requests: list[str] = []  # the path and query of each connection so far
        self._sent_before = 0  # on connections that are over

    @property
    def fired(self) -> Counter[str]:
        return self._trouble.fired

    @property
    def sent(self) -> int:
        """Events sent to all subscribers so far."""
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
                ping_interval=None,  # the subscriber pings, as it must also be able to fall silent
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
        except TimeoutError:  # somebody does not read, so our close frame does not get through either
            for subscriber in self.subscribers:
                subscriber.abort()
            await self._server.wait_closed()
        await self.production.stop()
        self._close_copy()

    def _close_copy(self) -> None:
        if self._copy is not None:
            self._copy.close()

    async def cut_all(self) -> None:
        """End all connections without a close frame."""
        await asyncio.gather(*(subscriber.cut() for subscriber in self.subscribers))

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None  # there is no connection without a handshake
        path = connection.request.path
        self.requests.append(path)
        subscriber = Subscriber(
            connection, subscription(path), self.log, self.production, self._trouble, self._options.v2
        )
        self.production.start()
        self.subscribers.add(subscriber)
        self._report(f"opened {path}")
        try:
            await subscriber.run(self._options.ping_interval)
        finally:
            self.subscribers.discard(subscriber)
            self._sent_before += subscriber.sent
            self._report(f"closed {path} after {subscriber.sent:,} events")

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """What needs no websocket: the greeting, other services' answers, and requests that are refused."""
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
