"""One connection to a Jetstream host, over real sockets."""

import asyncio
import http
import socket
import time
from itertools import islice
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.buffer.entries import Cursor
from ingest.simulator.server.server import running
from ingest.stream import jetstream
from ingest.stream.jetstream import Disconnected, backoff, rotation, session, subscribe_request
from tests.builders import NOON_US
from tests.ingest.simulator.server.wire_client import FRAMES
from tests.ingest.stream.scripted import scripted

ONE, TWO = "wss://one.example.com/subscribe", "wss://two.example.com/subscribe"


def test_without_a_cursor_we_ask_for_the_present():
    assert subscribe_request(ONE, None) == jetstream.SubscribeRequest(ONE, None, None)


@pytest.mark.parametrize(
    ("cursor", "back_us"),
    [
        (Cursor(NOON_US, "one.example.com"), 5_000_000),
        (Cursor(NOON_US, ""), 5_000_000),
        (Cursor(NOON_US, "two.example.com"), 60_000_000),
        (Cursor(NOON_US, "two.example.com", 712), 60_000_000),
    ],
)
def test_a_time_is_rewound_more_on_another_host(cursor, back_us):
    position = NOON_US - back_us
    assert subscribe_request(ONE, cursor) == jetstream.SubscribeRequest(f"{ONE}?cursor={position}", position, position)


def test_a_seq_is_rewound_and_used_on_its_own_host_only():
    assert subscribe_request(ONE, Cursor(NOON_US, "one.example.com", 10_000)).cursor == 10_000 - 8_192
    assert subscribe_request(ONE, Cursor(NOON_US, "one.example.com", 10)).cursor == 1
    assert subscribe_request(TWO, Cursor(NOON_US, "one.example.com", 10_000)).cursor == NOON_US - 60_000_000


def test_collections_are_asked_for():
    assert (
        subscribe_request(ONE, None, ["a.b.c", "d.e.*"]).url
        == f"{ONE}?wantedCollections=a.b.c&wantedCollections=d.e.%2A"
    )


@given(st.integers(1, 20))
def test_the_backoff_doubles_to_30_s_and_no_wait_is_under_half_of_it(count):
    for number, delay in enumerate(islice(backoff(), count)):
        whole = min(30.0, 0.1 * 2**number)
        assert whole / 2 <= delay <= whole


def test_the_backoff_of_two_clients_differs():
    assert list(islice(backoff(), 8)) != list(islice(backoff(), 8))


def test_hosts_take_turns_from_the_cursor_s_host_on():
    assert list(rotation([ONE, TWO], "two.example.com")) == [TWO, ONE]
    assert list(rotation([ONE, TWO], "elsewhere")) == [ONE, TWO]


def receive(url, enough=lambda frames: False, pause=0.0):
    """All frames until `enough`, or until the connection ends; why it ended."""

    async def run():
        frames = []
        try:
            async with session(url) as opened:
                while not enough(frames):
                    await asyncio.sleep(pause)
                    frames += await opened.receive()
        except Disconnected as error:
            return frames, str(error)
        return frames, ""

    return asyncio.run(run())


def test_frames_come_whole_and_in_order():
    with running(FRAMES) as server:
        assert receive(server.url, lambda frames: len(frames) >= len(FRAMES))[0] == FRAMES


def test_text_binary_empty_and_fragmented_messages_are_frames():
    def play(connection):
        connection.send("text é")
        connection.send(b"\xff\x00")
        connection.send("")
        connection.send(["one ", "message", ""])
        connection.send([b"an", b"other"])

    with scripted(play) as server:
        frames, why = receive(server.url)
    assert frames == ["text é".encode(), b"\xff\x00", b"", b"one message", b"another"]
    assert "1000" in why


def test_frames_up_to_32_mib_pass_whole_or_in_parts_and_larger_ones_end_the_connection():
    large = b"x" * jetstream.MAX_FRAME_BYTES

    def play(connection):
        connection.send(b"y" * 1_500_000)
        connection.send(large)
        connection.send([large[: 2**20]] * 32)
        connection.send(large + b"x")

    with scripted(play) as server:
        frames, why = receive(server.url)
    assert [len(frame) for frame in frames] == [1_500_000, 2**25, 2**25]
    assert "1009" in why


def test_a_host_that_stops_says_why():
    with scripted(lambda connection: connection.close(1001, "server shutting down")) as server:
        assert "server shutting down" in receive(server.url)[1]


def test_an_abrupt_end_is_noticed_at_once_and_what_came_before_it_is_kept():
    def play(connection):
        connection.send("last words")
        connection.socket.shutdown(socket.SHUT_RDWR)

    began = time.monotonic()
    with scripted(play) as server:
        frames, why = receive(server.url)
    assert frames == [b"last words"]
    assert "no close frame" in why
    assert time.monotonic() - began < 10


def test_a_refusal_carries_the_words_of_the_host():
    def answer(connection, request):
        return connection.respond(http.HTTPStatus.BAD_REQUEST, "invalid cursor: abc\n")

    with scripted(print, answer) as server:
        assert receive(server.url) == ([], "server rejected WebSocket connection: HTTP 400: invalid cursor: abc")


@pytest.mark.parametrize("url", ["ws://127.0.0.1:1/subscribe", "ws://nowhere.invalid/subscribe", "http://127.0.0.1"])
def test_a_host_that_is_not_there_is_disconnected(url):
    frames, why = receive(url)
    assert frames == []
    assert why


def test_a_silent_host_is_left(monkeypatch):
    monkeypatch.setattr(jetstream, "IDLE_SECONDS", 0.2)
    gone = Event()
    with scripted(lambda connection: gone.wait(10)) as server:
        assert receive(server.url) == ([], "idle: no frame for 0.2 s")
        gone.set()


def test_we_stop_reading_while_nobody_takes_and_go_on_afterwards(monkeypatch):
    """What a slow consumer does not take stays with the host: QUEUE_BYTES and what one read brings wait here."""
    monkeypatch.setattr(jetstream, "QUEUE_BYTES", 1_000_000)
    frame, count, sent = b"x" * 100_000, 300, []

    def play(connection):
        for _ in range(count):
            connection.send(frame)
            sent.append(time.monotonic())

    async def run(url):
        async with session(url) as opened:
            await asyncio.sleep(1)
            held, sent_by_then = opened._connection.held, len(sent)
            frames = 0
            while frames < count:
                frames += len(await opened.receive())
            return held, sent_by_then

    with scripted(play) as server:
        held, sent_by_then = asyncio.run(run(server.url))
    assert 1_000_000 < held < 1_600_000
    assert sent_by_then < count
    assert len(sent) == count


def test_empty_frames_fill_the_queue_too(monkeypatch):
    monkeypatch.setattr(jetstream, "QUEUE_BYTES", 10_000)

    async def run(url):
        async with session(url) as opened:
            await asyncio.sleep(0.2)
            transport = opened._connection.transport
            paused = not transport.is_reading()
            taken = await opened.receive()
            return paused, len(taken) > 150, transport.is_reading()

    with running([b""] * 1000) as server:
        assert asyncio.run(run(server.url)) == (True, True, True)


def test_a_take_is_bounded_in_bytes(monkeypatch):
    monkeypatch.setattr(jetstream, "BATCH_BYTES", 10_000)
    sizes = []

    async def run(url):
        async with session(url) as opened:
            while len(sizes) < 10:
                await asyncio.sleep(0.05)
                sizes.append(sum(map(len, await opened.receive())))

    with running(FRAMES) as server:
        asyncio.run(run(server.url))
    assert max(sizes) < 10_000 + 200
    assert min(sizes) > 4_000


def test_a_cancelled_receive_has_taken_nothing(monkeypatch):
    monkeypatch.setattr(jetstream, "GATHER_SECONDS", 30)

    async def run(url):
        async with session(url) as opened:
            for seconds in (0.001, 0.05, 0.2):  # before the first frame, and while it gathers
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(opened.receive(), seconds)
            monkeypatch.setattr(jetstream, "GATHER_SECONDS", 0.02)
            frames = []
            while len(frames) < len(FRAMES):
                frames += await opened.receive()
            return frames

    with running(FRAMES) as server:
        assert asyncio.run(run(server.url)) == FRAMES
