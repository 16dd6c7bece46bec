"""What a lake must show of the frames that it was given: a plain reading of them, which imports nothing of the product.

Versions are rows of posts, likes, ... Events (deletes, account and identity events) are rows of `deletes` and
`accounts`: each of them shows, whatever comes later.
"""

import json
from datetime import datetime
from hashlib import md5
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
PURGED = ("posts", "profiles", "records")  # when their account was deleted
EVENTS = ("deletes", "accounts")
INTERACTIONS = ("likes", "reposts", "follows", "blocks")
TID_LENGTH = 13


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


class World:
    """The events of a lake, and the rows that a compaction purged while their account was deleted."""

    def __init__(self):
        self.rows = []
        self.exists = {}  # by row: the moment of the lake's clock from which it exists
        self.clock = 0
        self.states = {}
        self.purged = set()

    def add(self, *frames):
        """One flush. What was seen before the clock is late: it exists from after the clock on."""
        passed, self.clock = self.clock, self.clock + 1
        for raw in frames:
            event = json.loads(raw)
            row = row_of(event)
            if row not in self.exists:
                self.rows.append(row)
                self.exists[row] = row.seen if row.seen > passed else passed + 1
                self.clock = max(self.clock, row.seen)
            if event["kind"] == "account":
                self._learn(event)

    def _learn(self, event):
        body = event["account"]
        us = round(datetime.fromisoformat(body["time"]).timestamp() * 1_000_000)
        state = State(us, body["seq"], body["active"], body.get("status", ""))
        self.states[event["did"]] = max(state, self.states.get(event["did"], state))

    def compact(self):
        """All that was flushed: what a deleted account wrote is gone for good."""
        gone = {did for did, state in self.states.items() if not state.active and state.status == "deleted"}
        self.purged |= {row for row in self.rows if row.did in gone and row.dataset in PURGED}

    def inactive(self, did):
        return did in self.states and not self.states[did].active

    def shown(self, dataset, until):
        """Rows, oldest first. Versions that came after `until` do not exist; deletes always apply."""
        rows = sorted(row for row in self.rows if row.dataset == dataset and self.exists[row] <= until)
        return rows if dataset in EVENTS else [row for row in rows if self._shows(row, until)]

    def _shows(self, row, until):
        return not (self.inactive(row.did) or row in self.purged or self._outdated(row, until))

    def _outdated(self, row, until):
        later = [other for other in self.rows if other.name == row.name and other.version > row.version]
        return any(other.operation == "delete" or (self.exists[other] <= until and replaces(other)) for other in later)

    def state_of(self, uri, until):
        """Of a post: the row that shows, or one word."""
        own = [row for row in self.rows if row.uri == uri]
        versions = sorted((row for row in own if row.operation != "delete"), key=lambda row: row.version)
        if versions and self._shows(versions[-1], until):
            return versions[-1]
        if own and max(own, key=lambda row: (row.version, row.operation != "delete")).operation == "delete":
            return "deleted"
        if not versions:
            return "unknown"
        return "hidden" if self.inactive(versions[-1].did) else "purged"


def row_of(event):
    did, seen, kind = event["did"], event["time_us"], event["kind"]
    body = event[kind]
    if kind != "commit":
        version = " ".join(str(part) for part in (kind, body.get("seq"), body.get("time")) if part is not None)
        return Row(seen, did, "", "", version, kind, "accounts")
    deleted = body["operation"] == "delete"
    dataset = "deletes" if deleted else COLLECTIONS.get(body["collection"], "records")
    return Row(seen, did, body["collection"], body["rkey"], body["rev"], body["operation"], dataset)


def replaces(row):
    """The create of a like, repost, follow or block whose key is a time is the first of its URI."""
    return row.dataset not in INTERACTIONS or row.operation == "update" or len(row.rkey) != TID_LENGTH


def sampled(rows, seed, size):
    return sorted(rows, key=lambda row: (md5((seed + row.uri).encode()).hexdigest(), row.version))[:size]
