"""One connection to a Jetstream host, over real sockets."""

import asyncio
import http
import socket
import time
from threading import Event

import pytest

from ingest.simulator.server.server import running
from ingest.stream import jetstream
from ingest.stream.jetstream import Disconnected, session
from tests.ingest.simulator.server.wire_client import FRAMES
from tests.ingest.stream.scripted import scripted


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
