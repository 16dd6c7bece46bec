"""The wire of Jetstream, version 1: connects, gathers frames, and says why a connection ended. The only doorway to
websockets besides the simulator."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.frames import DATA_OPCODES

from ingest.buffer import Cursor

MAX_FRAME_BYTES = 32 * 1024 * 1024  # records of 1 MB of CBOR are legal, so frames of about 2 MB of JSON are too
QUEUE_BYTES = 16 * 1024 * 1024  # received and not yet taken: above it we stop reading from the socket
GATHER_SECONDS = 0.02  # frames that arrive within it enter Redis together; a fifth of the 100 ms allowed
IDLE_SECONDS = 30  # the whole network is never silent so long: a host that is has stalled
REWIND_US = 5_000_000  # the legacy server may lose events where replay meets the live tail
REWIND_OTHER_HOST_US = 60_000_000  # hosts do not stamp an event at the same time
REWIND_SEQS = 8_192  # a crashed server may give up to a block of 4,096 numbers out again


class Disconnected(Exception):
    """The connection ended, or never came to be; the message says why."""


@dataclass(frozen=True)
class Ask:
    """Where to go on, as sent to the host: `cursor` is a time_us, a seq, or None for live. `time_us`: the time from
    which events are expected, None for live."""

    url: str
    cursor: int | None
    time_us: int | None


def host_of(url: str) -> str:
    return urlsplit(url).netloc


def ask(url: str, cursor: Cursor | None, collections: Sequence[str] = ()) -> Ask:
    """The rewound cursor for this host: by seq where the cursor's seq counts there, else by time."""
    wanted = [("wantedCollections", name) for name in collections]
    if cursor is None:
        return Ask(_url(url, wanted), None, None)
    same_host = cursor.host == host_of(url)
    if same_host and cursor.seq is not None:
        position = max(1, cursor.seq - REWIND_SEQS)
        return Ask(_url(url, [("cursor", str(position)), *wanted]), position, cursor.time_us)
    position = cursor.time_us - (REWIND_US if same_host or not cursor.host else REWIND_OTHER_HOST_US)
    return Ask(_url(url, [("cursor", str(position)), *wanted]), position, position)


def _url(url: str, parameters: list[tuple[str, str]]) -> str:
    return f"{url}?{urlencode(parameters)}" if parameters else url


def backoff() -> Iterator[float]:
    """Seconds to wait before each further try: 0.1 doubling to 30, each between half and all of it, so that many
    clients do not come back at once."""
    delay = 0.1
    while True:
        yield delay * random.uniform(0.5, 1.0)  # noqa: S311 - jitter is no secret
        delay = min(30.0, delay * 2)


class _Gathering(ClientConnection):
    """Keeps received frames in a list that is taken at once: `recv()` costs a wake-up of the event loop a frame."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.frames: list[bytes] = []
        self.held = 0  # bytes in `frames`
        self.arrived = asyncio.Event()
        self._parts: list[bytes] = []

    def process_event(self, event: Any) -> None:
        if self.response is None or event.opcode not in DATA_OPCODES:
            super().process_event(event)
            return
        self._parts.append(bytes(event.data))
        self.held += len(event.data)
        if event.fin:
            self.frames.append(self._parts[0] if len(self._parts) == 1 else b"".join(self._parts))
            self._parts = []
            self.arrived.set()
        if self.held > QUEUE_BYTES:
            self.transport.pause_reading()

    def take(self) -> list[bytes]:
        taken, self.frames = self.frames, []
        self.arrived.clear()
        if self.held > QUEUE_BYTES and not self.transport.is_closing():
            self.transport.resume_reading()
        self.held = sum(map(len, self._parts))
        return taken


class Session:
    """An open connection. Frames are lost only with it, and the cursor brings them back."""

    def __init__(self, connection: _Gathering) -> None:
        self._connection = connection
        self._closed = asyncio.ensure_future(connection.wait_closed())

    async def receive(self) -> list[bytes]:
        """The frames of the next GATHER_SECONDS or more, never empty. Raises Disconnected, also when none came for
        IDLE_SECONDS."""
        connection = self._connection
        if not connection.frames:
            await self._first_frame()
        await asyncio.sleep(GATHER_SECONDS)
        return connection.take()

    async def _first_frame(self) -> None:
        arrival = asyncio.ensure_future(self._connection.arrived.wait())
        try:
            await asyncio.wait((arrival, self._closed), timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            arrival.cancel()
        if self._connection.frames:
            return
        if self._closed.done():
            raise Disconnected(self._why_closed())
        raise Disconnected(f"idle: no frame for {IDLE_SECONDS} s")

    def _why_closed(self) -> str:
        code, reason = self._connection.close_code, self._connection.close_reason
        return f"closed by the host: code {code}{', ' + reason if reason else ''}"

    def stop(self) -> None:
        self._closed.cancel()


@asynccontextmanager
async def session(url: str) -> AsyncIterator[Session]:
    """Connects. Raises Disconnected when the host can't be reached or refuses, with its words."""
    try:
        connection = await connect(
            url,
            create_connection=_Gathering,
            compression=None,
            max_size=MAX_FRAME_BYTES,
            open_timeout=10,
            close_timeout=1,
            ping_interval=20,
            ping_timeout=20,
            user_agent_header="bluesky-post-explorer",
        )
    except (OSError, TimeoutError, InvalidHandshake, InvalidURI, ConnectionClosed) as error:
        raise Disconnected(_refusal(error)) from error
    assert isinstance(connection, _Gathering)
    opened = Session(connection)
    try:
        yield opened
    finally:
        opened.stop()
        await connection.close()


def _refusal(error: Exception) -> str:
    body = getattr(getattr(error, "response", None), "body", b"")
    return f"{error or type(error).__name__}{': ' + body.decode(errors='replace').strip() if body else ''}"
