"""The server, asked over real sockets."""

import json
import socket
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from itertools import islice

import pytest
from websockets.exceptions import ConnectionClosedError

from ingest.simulator.server.faults import Faults
from ingest.simulator.server.jetstream import Options
from ingest.simulator.server.server import running
from ingest.simulator.world.world import World
from tests.ingest.conftest import until
from tests.ingest.simulator.server.wire_client import (
    BASE,
    FRAMES,
    SECONDS,
    SILENCE,
    assert_nothing_more,
    frame,
    subscribe,
    take,
    take_until_cut,
)


def get(server, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}") as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_first_subscriber_gets_every_event_once():
    with running(FRAMES) as server, subscribe(server) as client:
        assert take(client, 1_000) == FRAMES == server.frames
        assert_nothing_more(server, client)


def test_a_world_can_be_the_log():
    world = list(islice(World(1, BASE, 474, 100), 2_000))
    with running(iter(world)) as server, subscribe(server) as client:
        assert take(client, 2_000) == [frame for _, frame in world]


def test_a_later_subscriber_without_a_cursor_is_live():
    with running(FRAMES) as server, subscribe(server) as first:
        take(first, 1_000)
        with subscribe(server) as second:
            assert_nothing_more(server, first, second)


@pytest.mark.parametrize(("cursor", "first"), [(0, 0), (BASE, 0), (BASE + 7, 7), (BASE + 998, 998)])
def test_a_cursor_replays_inclusively(cursor, first):
    with running(FRAMES) as server, subscribe(server) as client:
        take(client, 1_000)
        with subscribe(server, f"?cursor={cursor}") as again:
            assert take(again, 1_000 - first) == FRAMES[first:]


def test_a_future_cursor_is_live():
    with running(FRAMES) as server, subscribe(server) as client:
        take(client, 1_000)
        with subscribe(server, f"?cursor={BASE * 2}") as again:
            assert_nothing_more(server, client, again)


def test_requests_are_remembered():
    with running(FRAMES) as server:
        with subscribe(server, "?cursor=5") as client:
            take(client, 1)
        assert server.requests == ["/subscribe?cursor=5"]


def test_the_second_generation_counts_its_events():
    with running(FRAMES, options=Options(port=0, v2=True)) as server, subscribe(server) as client:
        for number, got in enumerate(take(client, 1_000)):
            parsed = json.loads(got)
            assert list(parsed)[:3] == ["did", "time_us", "cursor"]
            assert parsed.pop("cursor") == number + 1
            assert parsed == json.loads(FRAMES[number])
        with subscribe(server, "?cursor=991") as again:
            assert json.loads(take(again, 10)[0])["cursor"] == 991
        assert server.frames == FRAMES, "the log stays as it was made"


def test_filters_choose_collections_and_dids():
    frames = [
        frame(n, did=f"did:plc:{n % 2}", collection=f"app.bsky.{'graph' if n % 3 else 'feed'}.x") for n in range(60)
    ]
    with running(frames) as server, subscribe(server) as client:
        take(client, 60)
        with subscribe(server, "?cursor=0&wantedCollections=app.bsky.feed.*") as filtered:
            assert take(filtered, 20) == frames[::3]
        with subscribe(server, "?cursor=0&wantedCollections=app.bsky.feed.x&wantedDids=did:plc:1") as filtered:
            assert take(filtered, 10) == frames[3::6]


def test_a_client_may_change_its_mind():
    with running([frame(0)]) as server, subscribe(server) as client:
        take(client, 1)
        client.send('{"type":"options_update","payload":{"wantedCollections":["app.bsky.feed.post"]}}')
        client.send('{"type":"hello"}')
        time.sleep(SILENCE)
        server.publish(frame(1), frame(2, collection="app.bsky.feed.post"))
        assert take(client, 1) == [frame(2, collection="app.bsky.feed.post")]


def test_a_client_that_talks_nonsense_is_told_and_closed():
    with running([frame(0)]) as server, subscribe(server) as client:
        take(client, 1)
        client.send("nonsense")
        with pytest.raises(Exception, match="1000"):
            client.recv(SECONDS)


def test_plain_requests_get_plain_answers():
    with running([]) as server:
        assert get(server, "/") == (200, "Welcome to Jetstream")
        assert get(server, "/other")[0] == 404
        assert get(server, "/subscribe?cursor=x") == (400, "invalid cursor: x")
        assert get(server, "/subscribe?wantedCollections=x") == (
            400, "invalid subscriber options: invalid collection: x"
        )  # fmt: skip
        many = "&".join(f"wantedCollections=com.example.c{number}" for number in range(101))
        assert get(server, f"/subscribe?{many}") == (400, "invalid subscriber options: too many wanted collections")


def test_the_server_pings():
    with running([], options=Options(port=0, ping_interval=0.05)) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS) as raw:
            key = b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            raw.sendall(b"GET /subscribe HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + key)
            received = b""
            while b"\r\n\r\n" not in received or not received.partition(b"\r\n\r\n")[2]:
                received += raw.recv(4096)
        assert received.partition(b"\r\n\r\n")[2][0] == 0x89


def test_by_the_clock_events_come_at_their_rate_whoever_listens():
    with running(FRAMES, options=Options(port=0, rate=1_000)) as server:
        with subscribe(server) as client:
            began = time.monotonic()
            take(client, 300)
            assert 0.2 < time.monotonic() - began < SECONDS
        before = len(server.frames)
        until(lambda: len(server.frames) > before, "events without a subscriber")


def test_as_fast_as_read_nothing_is_made_ahead_of_the_readers():
    world = World(1, BASE, 474, 100)
    with running(world) as server:
        assert server.frames == []
        with subscribe(server) as client:
            take(client, 10)
        time.sleep(SILENCE)
        made = len(server.frames)
        time.sleep(SILENCE)
        assert len(server.frames) == made
        with subscribe(server, "?cursor=0") as client:
            assert len(take(client, made + 1)) == made + 1, "the next reader gets more of them made"


def test_a_slow_reader_blocks_nobody():
    big = [frame(number) + b" " * 20_000 for number in range(2_000)]
    with running(big) as server, subscribe(server) as _slow, subscribe(server, "?cursor=0") as fast:
        assert take(fast, 2_000) == big


def test_who_falls_out_of_the_kept_window_is_cut():
    big = [frame(number) + b" " * 5_000 for number in range(20_000)]
    with running(big, options=Options(port=0, keep=4_096)) as server, subscribe(server, max_queue=1) as slow:
        with subscribe(server, "?cursor=0") as fast:
            take(fast, 20_000)
        got = take_until_cut(slow)
        assert got == big[: len(got)]
        assert len(got) < 20_000


def test_a_source_that_fails_is_no_silence(caplog):
    def broken():
        yield from [(BASE, FRAMES[0])] * 600
        raise RuntimeError("the recording is torn")

    with running(broken) as server, subscribe(server) as client:
        take(client, 512)
        with pytest.raises(ConnectionClosedError, match="1011"):
            client.recv(SECONDS)
    assert "the recording is torn" in caplog.text


def test_the_log_is_dumped_as_it_is(tmp_path):
    path = tmp_path / "log.ndjson"
    with running(FRAMES, faults=Faults(junk_every=10), options=Options(port=0, dump=path)) as server:
        with subscribe(server) as client:
            take(client, 1_000)
        assert path.read_bytes().splitlines() == FRAMES, "also while it runs"


def test_a_server_goes_down_soon_though_readers_do_not_read():
    big = [frame(number) + b" " * 50_000 for number in range(1_000)]
    with ExitStack() as stack:
        with running(big) as server:
            stack.callback(stack.enter_context(subscribe(server, max_queue=1)).socket.close)
            time.sleep(SILENCE)
            began = time.monotonic()
        assert time.monotonic() - began < 8


def test_a_taken_port_is_one_sentence():
    with (
        running([]) as server,
        pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{server.port}: Address already"),
        running([], options=Options(port=server.port)),
    ):
        pass
