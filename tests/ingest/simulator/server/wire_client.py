"""A reader of simulated servers, over a real socket, and frames to serve."""

import json

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

BASE = 1_782_864_000_000_000
SECONDS = 10  # to wait for what must come
SILENCE = 0.3


def frame(number, did="did:plc:a", collection="app.bsky.feed.like"):
    commit = {"rev": str(number), "operation": "delete", "collection": collection, "rkey": "r"}
    return json.dumps(
        {"did": did, "time_us": BASE + number, "kind": "commit", "commit": commit}, separators=(",", ":")
    ).encode()


FRAMES = [frame(number) for number in range(1_000)]


def subscribe(server, query="", **options):
    return connect(
        server.url + query, compression=None, max_size=None, ping_interval=None, close_timeout=0.1, **options
    )


def take(client, count):
    return [client.recv(SECONDS, decode=False) for _ in range(count)]


def take_until_cut(client):
    frames = []

    def take_all():
        while True:
            frames.append(client.recv(SECONDS, decode=False))

    with pytest.raises(ConnectionClosedError) as closed:
        take_all()
    assert closed.value.rcvd is None, "a cut connection sends no close frame"
    return frames


def assert_silent(client):
    with pytest.raises(TimeoutError):
        client.recv(SILENCE)
