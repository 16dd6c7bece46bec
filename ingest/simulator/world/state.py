"""The state that all makers of events share, and how a record becomes an event."""

from collections import deque
from random import Random
from typing import NamedTuple

from ingest.simulator import wire
from ingest.simulator.wire import Record
from ingest.simulator.world.embeds import Ref
from ingest.simulator.world.people import Clock, People, Person, Stamp
from ingest.simulator.world.pool import Pool
from ingest.simulator.world.texts import Writer

TimedFrame = tuple[int, bytes]  # an event: time_us and its frame

LIKE, REPOST, POST = "app.bsky.feed.like", "app.bsky.feed.repost", "app.bsky.feed.post"
FOLLOW, BLOCK = "app.bsky.graph.follow", "app.bsky.graph.block"
OTHER = "other"  # collections, together


class RecordId(NamedTuple):
    """What a delete of the record, or a reference to it, needs."""

    person: Person
    collection: str
    rkey: str
    cid: str

    @property
    def ref(self) -> Ref:
        return {"cid": self.cid, "uri": f"at://{self.person.did}/{self.collection}/{self.rkey}"}


class Post(NamedTuple):
    """`reply`: the field of its record. `root`: of its thread."""

    id: RecordId
    ref: Ref
    root: Ref
    reply: Record | None


class State:
    """Bounded: it does not grow with the number of events."""

    def __init__(self, seed: int, users: int) -> None:
        self.random = Random(seed).random
        self.clock = Clock(self.random)
        self.people = People(seed, users, self.random)
        self.writer = Writer(self.random)
        self.posts: Pool[Post] = Pool()
        self.records: dict[str, Pool[RecordId]] = {name: Pool() for name in (LIKE, REPOST, FOLLOW, BLOCK, OTHER)}
        self.deleted: deque[RecordId] = deque(maxlen=1_000)

    def write(
        self, operation: str, person: Person, stamp: Stamp, path: tuple[str, str], record: Record, linked: bool = False
    ) -> tuple[TimedFrame, RecordId]:
        """The event that writes a record at `path` (collection and rkey). `linked`: it holds links or bytes."""
        cid = wire.record_cid(record, linked)
        frame = wire.commit(person.did, stamp.time_us, stamp.rev, operation, *path, record, cid)
        return (stamp.time_us, frame), RecordId(person, *path, cid)

    def delete_any(self, collection: str) -> TimedFrame | None:
        """Deletes a record of that collection, or of OTHER."""
        return self.delete(self.records[collection].take(self.random()))

    def delete(self, record: RecordId | None) -> TimedFrame | None:
        """None when there is no record, or its owner is away."""
        if record is None or not record.person.active:
            return None
        stamp = self.clock.stamp(record.person)
        self.deleted.append(record)
        return stamp.time_us, wire.delete(record.person.did, stamp.time_us, stamp.rev, record.collection, record.rkey)

    def popular_post(self) -> Post | None:
        """Few posts get most of the attention."""
        return self.posts.pick(self.random() ** 2)
