"""The real web server over a small lake of all datasets, for tests of what arrives on the wire."""

import json

import pytest

from tests.api.lakes import build
from tests.api.web import served
from tests.builders import ALICE, BOB, NOON_US, account, commit, delete, identity, like, post

HOUR_US = 3_600_000_000
LAKE_POST = f"at://{ALICE}/app.bsky.feed.post/k0"


def events():
    """Some of each dataset; ten posts about the lake by Alice, one deleted, and some of others."""
    ref = {"uri": LAKE_POST, "cid": "bafyreib"}
    yield from (post(f"lake {n} #fishing", rkey=f"k{n}", time_us=NOON_US + n * HOUR_US // 4) for n in range(10))
    yield post("Sim, o lago", did=BOB, rkey="p1", langs=["pt-BR"], time_us=NOON_US + 7)
    yield post("a reply", did=BOB, rkey="p2", reply={"root": ref, "parent": ref}, time_us=NOON_US + 8)
    yield post("100%_sure", did=BOB, rkey="p3", time_us=NOON_US + 9)
    yield post("100 percent sure", did=BOB, rkey="p4", time_us=NOON_US + 10)
    yield post("gone", rkey="gone", time_us=NOON_US + 11)
    yield delete("gone", time_us=NOON_US + 12)
    yield like(LAKE_POST, did=BOB)
    for kind, subject in (("feed.repost", ref), ("graph.follow", ALICE), ("graph.block", BOB)):
        record = {"$type": f"app.bsky.{kind}", "subject": subject, "createdAt": "2026-07-01T11:59:59.123Z"}
        yield commit(f"app.bsky.{kind}", record)
    yield commit("app.bsky.actor.profile", {"$type": "app.bsky.actor.profile", "displayName": "Alice"}, rkey="self")
    yield commit("app.bsky.feed.threadgate", {"$type": "app.bsky.feed.threadgate", "post": LAKE_POST})
    yield identity("alice.example")
    yield account(active=True, did=BOB)


@pytest.fixture(scope="session")
def live_folder(tmp_path_factory, redis_server, django_db_setup, django_db_blocker):
    """A lake, its catalog as a file, in which anybody may ask as often as he likes, and its handles."""
    folder = tmp_path_factory.mktemp("live")
    with django_db_blocker.unblock():
        build(folder, redis_server.url, list(events()), {ALICE: "alice.example"})
    return folder


@pytest.fixture(scope="session")
def live(live_folder):
    with served(live_folder) as web:
        yield web


def told(body):
    """The error that an answer's body is; its shape is always the same."""
    error = json.loads(body)["error"]
    assert set(error) == {"code", "message", "details", "temporary", "request_id"}
    return error
