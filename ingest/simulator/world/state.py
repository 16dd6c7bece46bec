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


class RecordId(NamedTuple):
    """What a delete of the record needs."""

    person: Person
    collection: str
    rkey: str


class Post(NamedTuple):
    """`reply`: the field of its record. `root`: of its thread."""

    person: Person
    rkey: str
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
        self.reposts: Pool[tuple[RecordId, Ref]] = Pool()
        self.records: dict[str, Pool[RecordId]] = {name: Pool() for name in (LIKE, FOLLOW, BLOCK, "other")}
        self.deleted: deque[RecordId] = deque(maxlen=1_000)

    def create(
        self, person: Person, stamp: Stamp, path: tuple[str, str], record: Record, linked: bool = False
    ) -> tuple[TimedFrame, str]:
        """The event that creates a record at `path` (collection and rkey), and its CID."""
        return self.write("create", person, stamp, path, record, linked)

    def write(
        self, operation: str, person: Person, stamp: Stamp, path: tuple[str, str], record: Record, linked: bool
    ) -> tuple[TimedFrame, str]:
        cid = wire.record_cid(record, linked)
        frame = wire.commit(person.did, stamp.time_us, stamp.rev, operation, *path, record, cid)
        return (stamp.time_us, frame), cid

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


def ref(person: Person, collection: str, rkey: str, cid: str) -> Ref:
    return {"cid": cid, "uri": f"at://{person.did}/{collection}/{rkey}"}
