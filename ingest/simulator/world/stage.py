"""What all makers of events share: the clock, the people, what exists lately, and how a record becomes a moment."""

from collections import deque
from random import Random
from typing import NamedTuple

from ingest.simulator import wire
from ingest.simulator.wire import Record
from ingest.simulator.world.embeds import Ref
from ingest.simulator.world.people import Clock, People, Person, Stamp
from ingest.simulator.world.recent import Recent
from ingest.simulator.world.texts import Writer

Moment = tuple[int, bytes]  # time_us and the frame

LIKE, REPOST, POST = "app.bsky.feed.like", "app.bsky.feed.repost", "app.bsky.feed.post"
FOLLOW, BLOCK = "app.bsky.graph.follow", "app.bsky.graph.block"


class Thing(NamedTuple):
    """A record that exists, as far as its delete needs to know it."""

    person: Person
    collection: str
    rkey: str


class Post(NamedTuple):
    """A post that exists. `reply`: the reply field of its record. `root`: of the thread that it is in."""

    person: Person
    rkey: str
    ref: Ref
    root: Ref
    reply: Record | None


class Stage:
    """The state of the world. All of it is bounded."""

    def __init__(self, seed: int, users: int) -> None:
        self.random = Random(seed).random
        self.clock = Clock(self.random)
        self.people = People(seed, users, self.random)
        self.writer = Writer(self.random)
        self.posts: Recent[Post] = Recent()
        self.reposts: Recent[tuple[Thing, Ref]] = Recent()
        self.things: dict[str, Recent[Thing]] = {name: Recent() for name in (LIKE, FOLLOW, BLOCK, "other")}
        self.deleted: deque[Thing] = deque(maxlen=1_000)

    def create(
        self, person: Person, stamp: Stamp, thing: tuple[str, str], record: Record, linked: bool = False
    ) -> tuple[Moment, str]:
        """The moment in which `thing` (collection and rkey) comes to be, and its CID."""
        return self.write("create", person, stamp, thing, record, linked)

    def write(
        self, operation: str, person: Person, stamp: Stamp, thing: tuple[str, str], record: Record, linked: bool
    ) -> tuple[Moment, str]:
        cid = wire.record_cid(record, linked)
        frame = wire.commit(person.did, stamp.time_us, stamp.rev, operation, *thing, record, cid)
        return (stamp.time_us, frame), cid

    def delete(self, thing: Thing | None) -> Moment | None:
        """None when there is nothing to delete, or its owner is away."""
        if thing is None or not thing.person.active:
            return None
        stamp = self.clock.stamp(thing.person)
        self.deleted.append(thing)
        return stamp.time_us, wire.delete(thing.person.did, stamp.time_us, stamp.rev, thing.collection, thing.rkey)

    def popular_post(self) -> Post | None:
        """Some posts get most of the attention."""
        return self.posts.pick(self.random() ** 2)


def ref(person: Person, collection: str, rkey: str, cid: str) -> Ref:
    return {"cid": cid, "uri": f"at://{person.did}/{collection}/{rkey}"}
