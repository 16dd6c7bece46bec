"""Which rows of a lake exist and show, by the events that came.

Versions are rows of posts, likes, ... Events (deletes, account and identity events) are rows of `deletes` and
`accounts`: each of them shows, whatever comes later.
"""

from hashlib import md5

from tests.oracle.wire import EVENTS, read

PURGED = ("posts", "profiles", "records")  # when their account was deleted
INTERACTIONS = ("likes", "reposts", "follows", "blocks")
TOLD = ("handle", "active", "status", "time")
TID_LENGTH = 13


class World:
    """The events of a lake, and the rows that a compaction purged while their account was deleted."""

    def __init__(self, *frames):
        self.rows = []
        self.exists = {}  # by row: the moment of the lake's clock from which it exists
        self.events = {}  # by row
        self.clock = 0
        self.states = {}
        self.purged = set()
        self._keys = set()
        self._same_name = {}
        if frames:
            self.add(*frames)

    def add(self, *frames):
        """One flush. An event that came before is no second one. What was seen before the clock is late: it exists from
        after the clock on."""
        passed, self.clock = self.clock, self.clock + 1
        for event in map(read, frames):
            if event.key not in self._keys:
                self._keys.add(event.key)
                self._exist(event, event.row.seen if event.row.seen > passed else passed + 1)
                self.clock = max(self.clock, event.row.seen)

    def _exist(self, event, since):
        row = event.row
        self.rows.append(row)
        self.exists[row], self.events[row] = since, event
        self._same_name.setdefault(row.name, []).append(row)
        if event.state:
            self.states[row.did] = max(event.state, self.states.get(row.did, event.state))

    def compact(self):
        """All that was flushed: what a deleted account wrote is gone for good."""
        gone = {did for did, state in self.states.items() if not state.active and state.status == "deleted"}
        self.purged |= {row for row in self.rows if row.did in gone and row.dataset in PURGED}

    def inactive(self, did):
        return did in self.states and not self.states[did].active

    def shown(self, dataset, until=float("inf")):
        """Rows, oldest first. Versions that came after `until` do not exist; deletes always apply."""
        rows = sorted(row for row in self.rows if row.dataset == dataset and self.exists[row] <= until)
        return rows if dataset in EVENTS else [row for row in rows if self._shows(row, until)]

    def text(self, row):
        """What the author wrote; None: the record has no such text."""
        text = (self.events[row].record or {}).get("text")
        return text if isinstance(text, str) else None

    def told(self, row):
        """What an identity or account event says, by the lake's names."""
        return tuple(self.events[row].record.get(name) for name in TOLD)

    def _shows(self, row, until):
        return not (self.inactive(row.did) or row in self.purged or self._outdated(row, until))

    def _outdated(self, row, until):
        later = [other for other in self._same_name[row.name] if other.version > row.version]
        return any(other.operation == "delete" or (self.exists[other] <= until and replaces(other)) for other in later)

    def deleted_text(self):
        """Versions of posts that a delete has ended: compaction purges their text."""
        return [row for row in self.rows if row.dataset == "posts" and self._deleted(row)]

    def _deleted(self, row):
        return any(other.operation == "delete" and other.version > row.version for other in self._same_name[row.name])

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


def replaces(row):
    """The create of a like, repost, follow or block whose key is a time is the first of its URI."""
    return row.dataset not in INTERACTIONS or row.operation == "update" or len(row.rkey) != TID_LENGTH


def sampled(rows, seed, size):
    return sorted(rows, key=lambda row: (md5((seed + row.uri).encode()).hexdigest(), row.version))[:size]
