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
    """A version of a record."""

    uri: str
    did: str
    seen: datetime
    rev: str
    cid: str
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
    """`frames`: in any order. `as_of`: versions seen later do not exist; deletions and states of accounts always count.
    `versions`: by dataset, all. `rows`: by dataset, those that show: the newest of each record, unless it was deleted
    later, of accounts that are active. `deleted`: URIs of records that do not exist any more."""

    def __init__(self, frames, as_of=None):
        self.events = sorted(map(json.loads, frames), key=lambda event: event["time_us"])
        self.versions = {dataset: [] for dataset in COLLECTIONS.values()}
        self._active, self._deletes = {}, {}
        for event in self.events:
            if event["kind"] == "account":
                self._active[event["did"]] = event["account"]["active"]
            elif event["kind"] == "commit" and (dataset := COLLECTIONS.get(event["commit"]["collection"])):
                self._note(event["did"], event["commit"], dataset, datetime.fromtimestamp(event["time_us"] / 1e6, UTC))
        for dataset, rows in self.versions.items():
            self.versions[dataset] = [row for row in rows if as_of is None or row.seen <= as_of]
        self.rows = {dataset: self._shown(rows) for dataset, rows in self.versions.items()}
        last = {row.uri: row for rows in self.versions.values() for row in sorted(rows, key=lambda row: row.rev)}
        self.deleted = {uri for uri, rev in self._deletes.items() if uri not in last or last[uri].rev < rev}

    def _note(self, did, commit, dataset, seen):
        uri = f"at://{did}/{commit['collection']}/{commit['rkey']}"
        if "record" in commit:
            self.versions[dataset].append(Row(uri, did, seen, commit["rev"], commit["cid"], commit["record"]))
        else:
            self._deletes[uri] = max(commit["rev"], self._deletes.get(uri, ""))

    def _shown(self, versions):
        newest = {row.uri: row for row in sorted(versions, key=lambda row: row.rev)}
        return [
            row
            for row in newest.values()
            if row.rev > self._deletes.get(row.uri, "") and self._active.get(row.did, True)
        ]

    @property
    def posts(self):
        return self.rows["posts"]

    def uris(self, test, dataset="posts"):
        return {row.uri for row in self.rows[dataset] if test(row)}

    def counts(self, key, dataset="posts"):
        """Of the rows that show, without those whose key is None."""
        return Counter(value for row in self.rows[dataset] if (value := key(row)) is not None)

    def hidden(self, test, dataset="posts"):
        """Number of versions that do not show."""
        return sum(map(test, self.versions[dataset])) - len(self.uris(test, dataset))

    def minutes(self):
        """Those with an event: the first one's number since 1970, and so on."""
        return {event["time_us"] // 60_000_000 for event in self.events}
