"""The wire of Jetstream, version 1: connects, receives frames, and says why a connection ended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from ingest.stream.frame_collector import FrameCollector

MAX_FRAME_BYTES = 32 * 1024 * 1024  # records of 1 MB of CBOR are legal, so frames of about 2 MB of JSON are too
GATHER_SECONDS = 0.02  # frames that arrive within it enter Redis together; a fifth of the 100 ms allowed
IDLE_SECONDS = 30  # the whole network is never silent for so long: the host has stalled


class Disconnected(Exception):
    """The connection ended, or could not be opened; the message says why. `reason`: of
    ingest.metrics.RECONNECTS."""

    def __init__(self, why: str, reason: str = "closed") -> None:
        super().__init__(why)
        self.reason = reason

    @property
    def stalled(self) -> bool:
        """The host is there, but silent."""
        return self.reason == "idle"


class Session:
    """An open connection. Frames that it loses are behind the cursor, which brings them back."""

    def __init__(self, connection: FrameCollector) -> None:
        self._connection = connection

    async def receive(self) -> list[bytes]:
        """The frames of the next GATHER_SECONDS, or a batch that waits already; never empty.

        Raises Disconnected, also when none came for IDLE_SECONDS. Cancelled, it has taken none."""
        connection = self._connection
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                await connection.arrived.wait()
        except TimeoutError as error:
            raise Disconnected(f"idle: no frame for {IDLE_SECONDS:g} s", "idle") from error
        if not connection.batch_waits:
            await asyncio.sleep(GATHER_SECONDS)
        if frames := connection.take():
            return frames
        raise Disconnected(f"the connection ended: {connection.why_ended()}")


@asynccontextmanager
async def session(url: str) -> AsyncIterator[Session]:
    """Connects. Raises Disconnected when the host can't be reached or refuses, with the host's own words."""
    try:
        connection = await connect(
            url,
            create_connection=FrameCollector,
            compression=None,
            max_size=MAX_FRAME_BYTES,
            open_timeout=10,
            close_timeout=1,
            ping_interval=20,
            ping_timeout=20,
            user_agent_header="bluesky-post-explorer",
        )
    except (OSError, TimeoutError, InvalidHandshake, InvalidURI, ConnectionClosed) as error:
        raise Disconnected(_refusal(error), "unreachable") from error
    assert isinstance(connection, FrameCollector)
    try:
        yield Session(connection)
    finally:
        await connection.close()


def _refusal(error: Exception) -> str:
    """The error, with the body of an HTTP response that is not a handshake."""
    body = getattr(getattr(error, "response", None), "body", None) or b""
    return ": ".join(filter(None, [str(error) or type(error).__name__, body[:200].decode(errors="replace").strip()]))
