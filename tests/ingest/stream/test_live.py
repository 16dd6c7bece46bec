"""The real hosts: what they send is what we expect. Skipped without internet."""

import asyncio
import json
import socket
from collections import Counter
from urllib.parse import urlsplit

import pytest

from explorer import env
from ingest.events import Event, read, record_cid
from ingest.stream import jetstream

HOSTS = env.DEFAULTS["JETSTREAM_URLS"].split(",")
EVENTS = 1000
KNOWN = {
    "": {"did", "time_us", "kind", "commit", "identity", "account", "cursor"},
    "commit": {"rev", "operation", "collection", "rkey", "record", "cid"},
    "identity": {"did", "handle", "seq", "time"},
    "account": {"did", "active", "status", "seq", "time"},
}


async def newest(url):
    frames = []
    async with jetstream.session(url) as session:
        while len(frames) < EVENTS:
            frames += await session.receive()
    return frames[:EVENTS]


def unknown_fields(events):
    """How often each field came that we know nothing of, as `body.field`."""
    found = Counter()
    for event in events:
        for body, known in KNOWN.items():
            present = event if body == "" else event.get(body, {})
            found.update(f"{body}.{field}" for field in present.keys() - known)
    return found


@pytest.mark.live
@pytest.mark.parametrize("url", HOSTS)
def test_a_default_host_sends_events_whose_records_hash_to_their_cids(url, record_property):
    try:
        socket.getaddrinfo(urlsplit(url).hostname, 443)
    except OSError:
        pytest.skip("no internet")
    frames = asyncio.run(newest(url))
    assert [frame for frame in frames if not isinstance(read(frame), Event)] == []
    events = [json.loads(frame) for frame in frames]
    commits = [event["commit"] for event in events if "commit" in event]
    wrong = [commit for commit in commits if "record" in commit and record_cid(commit["record"]) != commit["cid"]]
    assert wrong == []
    unknown = unknown_fields(events)
    record_property("unknown_fields", dict(unknown))
    print(f"{url}: {len(events)} events, {len(commits)} commits, unknown fields: {dict(unknown) or 'none'}")


def test_a_field_that_we_know_nothing_of_is_reported():
    event = {"did": "a", "time_us": 1, "kind": "commit", "commit": {"rev": "a", "sig": 1}, "shard": 2}
    assert unknown_fields([event, event]) == {".shard": 2, "commit.sig": 2}
