"""The wire of Jetstream, version 1: connects, gathers frames, and says why a connection ended. The only doorway to
websockets besides the simulator."""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import accumulate
from typing import Any
from urllib.parse import urlencode, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidHandshake, InvalidURI
from websockets.frames import DATA_OPCODES
from websockets.protocol import State

from ingest.buffer.entries import Cursor

MAX_FRAME_BYTES = 32 * 1024 * 1024  # records of 1 MB of CBOR are legal, so frames of about 2 MB of JSON are too
QUEUE_BYTES = 16 * 1024 * 1024  # received and not yet taken: above it we stop reading from the socket
BATCH_BYTES = 1024 * 1024  # of a transaction: Redis serves nobody else meanwhile, and it is in memory four times
OVERHEAD_BYTES = 64  # that a frame costs besides its own bytes: even empty ones fill the queue
GATHER_SECONDS = 0.02  # frames that arrive within it enter Redis together; a fifth of the 100 ms allowed
IDLE_SECONDS = 30  # the whole network is never silent so long: a host that is has stalled
REWIND_US = 5_000_000  # the legacy server may lose events where replay meets the live tail
REWIND_OTHER_HOST_US = 60_000_000  # hosts do not stamp an event at the same time
REWIND_SEQS = 8_192  # a crashed server may give up to a block of 4,096 numbers out again


class Disconnected(Exception):
    """The connection ended, or never came to be; the message says why. `stalled`: the host is there, but silent."""

    def __init__(self, why: str, stalled: bool = False) -> None:
        super().__init__(why)
        self.stalled = stalled


@dataclass(frozen=True)
class SubscribeRequest:
    """Where to go on, as sent to the host: `cursor` is a time_us, a seq, or None for live. `time_us`: the time from
    which events are expected, None for live."""

    url: str
    cursor: int | None
    time_us: int | None


def host_of(url: str) -> str:
    return urlsplit(url).netloc


def rotation(urls: Sequence[str], host: str) -> deque[str]:
    """All of them in their order, beginning with the one at that host: there its cursor counts."""
    first = next((number for number, url in enumerate(urls) if host_of(url) == host), 0)
    return deque([*urls[first:], *urls[:first]])


def subscribe_request(url: str, cursor: Cursor | None, collections: Sequence[str] = ()) -> SubscribeRequest:
    """The rewound cursor for this host: by seq where the cursor's seq counts there, else by time."""
    wanted = [("wantedCollections", name) for name in collections]
    if cursor is None:
        return SubscribeRequest(_url(url, wanted), None, None)
    same_host = cursor.host == host_of(url)
    if same_host and cursor.seq is not None:
        position = max(1, cursor.seq - REWIND_SEQS)
        return SubscribeRequest(_url(url, [("cursor", str(position)), *wanted]), position, cursor.time_us)
    position = cursor.time_us - (REWIND_US if same_host or not cursor.host else REWIND_OTHER_HOST_US)
    return SubscribeRequest(_url(url, [("cursor", str(position)), *wanted]), position, position)


def _url(url: str, parameters: list[tuple[str, str]]) -> str:
    return f"{url}?{urlencode(parameters)}" if parameters else url


def backoff() -> Iterator[float]:
    """Seconds to wait before each further try: 0.1 doubling to 30, each between half and all of it, so that many
    clients do not come back at once."""
    delay = 0.1
    while True:
        yield delay * random.uniform(0.5, 1.0)  # noqa: S311 - jitter is no secret
        delay = min(30.0, delay * 2)


class _FrameCollector(ClientConnection):
    """Keeps received frames in a list that is taken at once: `recv()` costs a wake-up of the event loop a frame."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.frames: list[bytes] = []
        self.arrived = asyncio.Event()  # frames, or the end of them
        self.held = 0  # bytes of `frames` and `_parts` in memory
        self._parts: list[bytes] = []  # of a message that is not complete

    @property
    def ended(self) -> bool:
        """No further frame will come."""
        return self.state is not State.OPEN

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.frames or self.ended:
            self.arrived.set()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.arrived.set()

    def process_event(self, event: Any) -> None:
        if self.response is None or event.opcode not in DATA_OPCODES:
            super().process_event(event)
            return
        data = bytes(event.data)
        self.held += len(data) + OVERHEAD_BYTES
        if event.fin and not self._parts:
            self.frames.append(data)
        else:
            self._part(data, event.fin)
        if self.held > QUEUE_BYTES and self.frames:  # without a frame to take, nothing would resume reading
            self.transport.pause_reading()

    def _part(self, data: bytes, last: bool) -> None:
        """Of a message in several websocket frames."""
        self._parts.append(data)
        if last:
            self.frames.append(b"".join(self._parts))
            self._parts = []

    def take(self) -> list[bytes]:
        """The oldest frames, of TAKE_BYTES and one more at most."""
        taken, size = self.frames, self.held
        if size > BATCH_BYTES:
            ends = accumulate(len(frame) + OVERHEAD_BYTES for frame in self.frames)
            count, size = next(((n, end) for n, end in enumerate(ends, 1) if end >= BATCH_BYTES), (len(taken), size))
            taken = self.frames[:count]
        self.frames = self.frames[len(taken) :]
        self.held = self.held - size if self.frames else sum(map(len, self._parts))
        if self.held <= QUEUE_BYTES:
            self.transport.resume_reading()
        if not self.frames and not self.ended:
            self.arrived.clear()
        return taken

    def why_ended(self) -> str:
        sides = self.protocol
        return str(ConnectionClosedError(sides.close_rcvd, sides.close_sent, sides.close_rcvd_then_sent))


class Session:
    """An open connection. Frames are lost only with it, and the cursor brings them back."""

    def __init__(self, connection: _FrameCollector) -> None:
        self._connection = connection

    async def receive(self) -> list[bytes]:
        """The frames of the next GATHER_SECONDS, or of TAKE_BYTES that wait already; never empty. Raises Disconnected,
        also when none came for IDLE_SECONDS. Cancelled, it has taken none."""
        connection = self._connection
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                await connection.arrived.wait()
        except TimeoutError as error:
            raise Disconnected(f"idle: no frame for {IDLE_SECONDS:g} s", stalled=True) from error
        if not connection.frames:
            raise Disconnected(f"the connection ended: {connection.why_ended()}")
        if connection.held < BATCH_BYTES:
            await asyncio.sleep(GATHER_SECONDS)
        return connection.take()


@asynccontextmanager
async def session(url: str) -> AsyncIterator[Session]:
    """Connects. Raises Disconnected when the host can't be reached or refuses, with its words."""
    try:
        connection = await connect(
            url,
            create_connection=_FrameCollector,
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
    assert isinstance(connection, _FrameCollector)
    try:
        yield Session(connection)
    finally:
        await connection.close()


def _refusal(error: Exception) -> str:
    """The error, and what the host says beside its status."""
    said = getattr(getattr(error, "response", None), "body", None) or b""
    return ": ".join(filter(None, [str(error) or type(error).__name__, said[:200].decode(errors="replace").strip()]))
