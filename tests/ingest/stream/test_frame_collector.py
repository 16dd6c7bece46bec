"""The connection below `recv()`: how much it holds, and what it relies on in websockets."""

import asyncio
import inspect
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Frame, Opcode
from websockets.http11 import Response

from ingest.simulator.server.server import running
from ingest.stream import frame_collector
from ingest.stream.frame_collector import OVERHEAD_BYTES, FrameCollector
from ingest.stream.jetstream import Session
from tests.ingest.simulator.server.wire_client import FRAMES
from tests.ingest.stream.scripted import scripted

SECONDS = 20
ONE_READ = 256 * 1024  # the most that asyncio reads from a socket at once


@asynccontextmanager
async def connected(url, kind=FrameCollector):
    async with (
        asyncio.timeout(SECONDS),
        connect(url, create_connection=kind, compression=None, close_timeout=0.1) as connection,
    ):
        yield connection


async def until(done):
    while not done():  # noqa: ASYNC110 - a transport has no event for it
        await asyncio.sleep(0.001)


def test_reading_stops_above_the_queue_s_limit_and_goes_on_once_frames_are_taken(monkeypatch):
    monkeypatch.setattr(frame_collector, "QUEUE_BYTES", 1_000_000)
    frame, count, sent = b"x" * 100_000, 300, []

    def play(connection):
        for number in range(count):
            connection.send(frame)
            sent.append(number)

    async def run(url):
        async with connected(url) as connection:
            await until(lambda: not connection.transport.is_reading())
            held, frames = connection._held, 0
            while frames < count:
                await connection.arrived.wait()
                frames += len(connection.take())
            assert connection.transport.is_reading()
            return held, frames

    with scripted(play) as server:
        held, frames = asyncio.run(run(server.url))
    assert 1_000_000 < held <= 1_000_000 + ONE_READ + len(frame) + OVERHEAD_BYTES
    assert frames == len(sent) == count


def test_empty_frames_fill_the_queue_too(monkeypatch):
    monkeypatch.setattr(frame_collector, "QUEUE_BYTES", 10_000)

    async def run(url):
        async with connected(url) as connection:
            await until(lambda: not connection.transport.is_reading())
            assert len(connection.take()) > 10_000 // OVERHEAD_BYTES
            assert connection.transport.is_reading()

    with running([b""] * 1000) as server:
        asyncio.run(run(server.url))


def test_a_message_larger_than_the_queue_still_completes(monkeypatch):
    """While no frame can be taken nothing would resume reading."""
    monkeypatch.setattr(frame_collector, "QUEUE_BYTES", 1_000)

    async def run(url):
        async with connected(url) as connection:
            return await Session(connection).receive()

    with scripted(lambda connection: connection.send([b"x" * ONE_READ] * 3)) as server:
        assert asyncio.run(run(server.url)) == [b"x" * ONE_READ * 3]


def test_a_take_is_a_batch_and_one_frame_at_most_in_order(monkeypatch):
    monkeypatch.setattr(frame_collector, "BATCH_BYTES", 10_000)
    size = {frame: len(frame) + OVERHEAD_BYTES for frame in FRAMES}

    async def run(url):
        takes = []
        async with connected(url) as connection:
            await until(lambda: connection._held == sum(size.values()))
            while connection.arrived.is_set():
                full = connection.batch_waits
                takes.append(connection.take())
                assert full == (sum(map(size.get, takes[-1])) >= 10_000)
        return takes

    with running(FRAMES) as server:
        takes = asyncio.run(run(server.url))
    assert [frame for taken in takes for frame in taken] == FRAMES
    assert all(10_000 <= sum(map(size.get, taken)) < 10_000 + max(size.values()) for taken in takes[:-1])
    assert len(takes) > 10


# --- what it relies on in websockets: if one of these fails, read docs/decisions/0018 before FrameCollector is mended


@pytest.mark.parametrize(("method", "parameter"), [("process_event", "event"), ("data_received", "data")])
def test_the_overridden_methods_are_plain_functions_of_one_argument(method, parameter):
    function = getattr(ClientConnection, method)
    assert not inspect.iscoroutinefunction(function)
    assert list(inspect.signature(function).parameters) == ["self", parameter]


def test_connection_lost_is_asyncio_s_own():
    assert issubclass(ClientConnection, asyncio.Protocol)
    assert list(inspect.signature(ClientConnection.connection_lost).parameters) == ["self", "exc"]


class Recorder(ClientConnection):
    """Records the calls that FrameCollector overrides, in order, and leaves the rest to the library."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.calls = []

    def process_event(self, event):
        self.calls.append(("event", self.response is None, event))
        super().process_event(event)

    def data_received(self, data):
        self.calls.append(("data", bytes(data)))
        super().data_received(data)
        self.calls.append(("fed",))

    def connection_lost(self, exc):
        super().connection_lost(exc)
        self.calls.append(("lost", self.state.name))


@pytest.fixture(scope="module")
def calls():
    def play(connection):
        connection.send("text")
        connection.send([b"in ", b"two"])
        connection.ping()
        connection.recv()

    async def run(url):
        async with connected(url, Recorder) as connection:
            assert await connection.recv() == "text"
            assert await connection.recv() == b"in two"
            await connection.send("end")
            await connection.wait_closed()
            protocol = connection.protocol
            closing = protocol.close_rcvd.code, protocol.close_sent.code, protocol.close_rcvd_then_sent
            return connection.calls, closing

    with scripted(play) as server:
        return asyncio.run(run(server.url))


def test_every_event_passes_through_process_event_while_data_is_received(calls):
    inside = False
    for kind, *_ in calls[0]:
        if kind == "event":
            assert inside
        elif kind != "lost":
            inside = kind == "data"


def test_the_first_event_is_the_handshake_and_the_rest_are_frames(calls):
    (first, handshake), *rest = [call[1:] for call in calls[0] if call[0] == "event"]
    assert first
    assert isinstance(handshake, Response)
    assert not any(first for first, _ in rest)
    assert all(isinstance(frame, Frame) for _, frame in rest)
    data = [(frame.opcode, bytes(frame.data), frame.fin) for _, frame in rest if frame.opcode in (0, 1, 2)]
    parts = [(Opcode.BINARY, b"in ", False), (Opcode.CONT, b"two", False), (Opcode.CONT, b"", True)]
    assert data == [(Opcode.TEXT, b"text", True), *parts]
    assert {frame.opcode for _, frame in rest} >= {Opcode.PING, Opcode.CLOSE}


def test_connection_lost_comes_last_and_closed(calls):
    assert calls[0][-1] == ("lost", "CLOSED")
    assert [call[0] for call in calls[0]].count("lost") == 1


def test_the_protocol_says_why_it_ended(calls):
    assert calls[1] == (1000, 1000, True)


def test_a_connection_can_be_paused_and_resumed_from_below():
    async def run(url):
        async with connected(url) as connection:
            connection.transport.pause_reading()
            assert not connection.transport.is_reading()
            connection.transport.resume_reading()
            connection.transport.resume_reading()
            assert connection.transport.is_reading()

    with running([]) as server:
        asyncio.run(run(server.url))
