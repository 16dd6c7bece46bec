"""What a lake should hold of the frames that it was given, in plain Python: imports nothing of the product."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import NamedTuple

COLLECTIONS = {
    "app.bsky.feed.post": "posts",
    "app.bsky.feed.like": "likes",
    "app.bsky.feed.repost": "reposts",
    "app.bsky.graph.follow": "follows",
}


class Row(NamedTuple):
    uri: str
    did: str
    seen: datetime
    record: dict

    @property
    def text(self):
        return self.record.get("text") or ""

    @property
    def day(self):
        return self.seen.strftime("%Y-%m-%d")

    @property
    def subject(self):
        subject = self.record.get("subject")
        return subject.get("uri") if isinstance(subject, dict) else subject

    @property
    def created(self):
        try:
            return datetime.fromisoformat(self.record["createdAt"])
        except (KeyError, ValueError, TypeError):
            return None


class EventLog:
    """`frames`: in any order. `rows`: by dataset, what shows of it: the newest version of each record that was not
    deleted after it, of accounts that are active."""

    def __init__(self, frames):
        versions, active = {}, {}
        self.deleted = set()
        for event in sorted(map(json.loads, frames), key=lambda event: event["time_us"]):
            if event["kind"] == "account":
                active[event["did"]] = event["account"]["active"]
            elif event["kind"] == "commit" and (dataset := COLLECTIONS.get(event["commit"]["collection"])):
                commit = event["commit"]
                uri = f"at://{event['did']}/{commit['collection']}/{commit['rkey']}"
                if commit["rev"] >= versions.get(uri, ("",))[0]:
                    seen = datetime.fromtimestamp(event["time_us"] / 1e6, UTC)
                    row = Row(uri, event["did"], seen, commit["record"]) if "record" in commit else None
                    versions[uri] = commit["rev"], dataset, row
        self.deleted = {uri for uri, (_, _, row) in versions.items() if row is None}
        self.rows = {dataset: [] for dataset in COLLECTIONS.values()}
        for _, dataset, row in versions.values():
            if row is not None and active.get(row.did, True):
                self.rows[dataset].append(row)

    @property
    def posts(self):
        return self.rows["posts"]

    def uris(self, test, dataset="posts"):
        return {row.uri for row in self.rows[dataset] if test(row)}

    def counts(self, key, dataset="posts"):
        return Counter(key(row) for row in self.rows[dataset])
