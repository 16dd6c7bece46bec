"""A reader of simulated servers, over a real socket, and frames to serve."""

import json
from itertools import count

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from tests.ingest.conftest import until

BASE = 1_782_864_000_000_000
SECONDS = 10  # to wait for what must come
SILENCE = 0.3


def frame(number, did="did:plc:a", collection="app.bsky.feed.like"):
    commit = {"rev": str(number), "operation": "delete", "collection": collection, "rkey": "r"}
    return json.dumps(
        {"did": did, "time_us": BASE + number, "kind": "commit", "commit": commit}, separators=(",", ":")
    ).encode()


_markers = count(10**9)
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


def assert_nothing_more(server, *clients):
    """All subscriptions of `server` are alive and have got all: the next frame is one that is published now."""
    until(lambda: len(server.requests) == len(clients), "the subscriptions have begun")
    marker = frame(next(_markers))
    server.publish(marker)
    for client in clients:
        assert take(client, 1) == [marker]
