"""A websocket connection that collects frames below `recv()`: why and at what cost, see docs/decisions/0018."""

import asyncio
from itertools import accumulate
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosedError
from websockets.frames import DATA_OPCODES
from websockets.protocol import State

QUEUE_BYTES = 16 * 1024 * 1024  # received and not taken yet: above it we stop reading from the socket
BATCH_BYTES = 1024 * 1024  # of one transaction: it blocks Redis for everyone else, and is in memory four times
OVERHEAD_BYTES = 64  # cost of a frame besides its own bytes: empty frames fill the queue, too


class FrameCollector(ClientConnection):
    """Use `arrived` and `take()`; `recv()` never returns a frame."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.arrived = asyncio.Event()  # set while there are frames to take, and for good once the connection ended
        self._frames: list[bytes] = []
        self._parts: list[bytes] = []  # of a message in several websocket frames that is not complete
        self._held = 0  # bytes of both, and the overhead of each

    @property
    def ended(self) -> bool:
        """No further frame will come."""
        return self.state is not State.OPEN

    @property
    def batch_waits(self) -> bool:
        """Whether frames of BATCH_BYTES wait."""
        return self._held >= BATCH_BYTES

    def take(self) -> list[bytes]:
        """The oldest frames, in order: up to BATCH_BYTES and one frame more."""
        taken, size = self._frames, self._held
        if size > BATCH_BYTES:
            ends = accumulate(len(frame) + OVERHEAD_BYTES for frame in self._frames)
            count, size = next(((n, end) for n, end in enumerate(ends, 1) if end >= BATCH_BYTES), (len(taken), size))
            taken = self._frames[:count]
        self._frames = self._frames[len(taken) :]
        self._held = self._held - size if self._frames else sum(map(len, self._parts))
        if self._held <= QUEUE_BYTES:
            self.transport.resume_reading()
        if not self._frames and not self.ended:
            self.arrived.clear()
        return taken

    def why_ended(self) -> str:
        closing = self.protocol
        return str(ConnectionClosedError(closing.close_rcvd, closing.close_sent, closing.close_rcvd_then_sent))

    # --- overrides of websockets' own methods: tests/ingest/stream/test_frame_collector.py pins what they rely on ---

    def process_event(self, event: Any) -> None:
        if self.response is None or event.opcode not in DATA_OPCODES:  # the handshake, and control frames
            super().process_event(event)
            return
        data = bytes(event.data)
        self._held += len(data) + OVERHEAD_BYTES
        if event.fin and not self._parts:
            self._frames.append(data)
        else:
            self._parts.append(data)
            if event.fin:
                self._frames.append(b"".join(self._parts))
                self._parts = []
        if self._held > QUEUE_BYTES and self._frames:  # without a frame to take, nothing would resume reading
            self.transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._frames or self.ended:
            self.arrived.set()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.arrived.set()
