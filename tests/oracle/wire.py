"""A frame of Jetstream as the lake should understand it."""

import json
from datetime import datetime
from typing import NamedTuple

COLLECTIONS = {
    "app.bsky.feed.post": "posts",
    "app.bsky.feed.like": "likes",
    "app.bsky.feed.repost": "reposts",
    "app.bsky.graph.follow": "follows",
    "app.bsky.graph.block": "blocks",
    "app.bsky.actor.profile": "profiles",
}
DATASETS = (*COLLECTIONS.values(), "records", "deletes", "accounts")
EVENTS = ("deletes", "accounts")


class Row(NamedTuple):
    """In the order of the hits, oldest first; `version` tells rows of one URI apart."""

    seen: int
    did: str
    collection: str
    rkey: str
    version: str
    operation: str
    dataset: str

    @property
    def name(self):
        return self.did, self.collection, self.rkey

    @property
    def uri(self):
        return f"at://{self.did}" + (f"/{self.collection}/{self.rkey}" if self.collection else "")


class State(NamedTuple):
    """Of an account: the latest one counts."""

    us: int
    seq: int
    active: bool
    status: str


class Event(NamedTuple):
    """`key`: what makes it the same event, however often and through whichever host it comes. `record`, `cid`: of a
    commit that is no delete; of an identity or account event `record` is all that it says. `state`: of an account
    event."""

    key: tuple
    row: Row
    record: dict | None
    cid: str | None
    state: State | None


def read(frame):
    event = json.loads(frame)
    return (_commit if event["kind"] == "commit" else _other)(event, event[event["kind"]])


def _commit(event, body):
    key = event["did"], body["collection"], body["rkey"], body["rev"], body["operation"]
    deleted = body["operation"] == "delete"
    dataset = "deletes" if deleted else COLLECTIONS.get(body["collection"], "records")
    row = Row(event["time_us"], *key, dataset)
    return Event((dataset, *key), row, body.get("record"), body.get("cid"), None)


def _other(event, body):
    """`version` is what the lake calls one of several events of an account."""
    did, kind = event["did"], event["kind"]
    version = " ".join(str(part) for part in (kind, body.get("seq"), body.get("time")) if part is not None)
    row = Row(event["time_us"], did, "", "", version, kind, "accounts")
    identity = body.get("seq", json.dumps(body, sort_keys=True))
    return Event(("accounts", did, kind, identity), row, body, None, _state(body) if kind == "account" else None)


def _state(body):
    us = round(datetime.fromisoformat(body["time"]).timestamp() * 1_000_000)
    return State(us, body["seq"], body["active"], body.get("status") or "")
