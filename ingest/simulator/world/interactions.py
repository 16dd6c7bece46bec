"""Likes, reposts, follows and blocks: four of five events, so these are the short ways."""

from ingest.simulator.wire import Record
from ingest.simulator.world.people import Person
from ingest.simulator.world.stage import BLOCK, FOLLOW, LIKE, REPOST, Moment, Stage, Thing, ref


class Interactions:
    """Each method returns a moment, or None while the world holds nothing to act upon.

    With a `person` and an `rkey` the record is made there: that is how a deleted one comes back.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def like(self, person: Person | None = None, rkey: str | None = None) -> Moment | None:
        stage = self._stage
        post = stage.popular_post()
        if post is None:
            return None
        person = person or stage.people.pick()
        stamp = stage.clock.stamp(person)
        record: Record = {"$type": LIKE, "createdAt": stamp.created, "subject": post.ref}
        if stage.random() < 0.25:
            self._came_by(record)
        rkey = rkey or stamp.rkey
        stage.things[LIKE].add(Thing(person, LIKE, rkey))
        return stage.create(person, stamp, (LIKE, rkey), record)[0]

    def repost(self, person: Person | None = None, rkey: str | None = None) -> Moment | None:
        stage = self._stage
        post = stage.popular_post()
        if post is None:
            return None
        person = person or stage.people.pick()
        stamp = stage.clock.stamp(person)
        record: Record = {"$type": REPOST, "createdAt": stamp.created, "subject": post.ref}
        if stage.random() < 0.15:
            self._came_by(record)
        rkey = rkey or stamp.rkey
        moment, cid = stage.create(person, stamp, (REPOST, rkey), record)
        stage.reposts.add((Thing(person, REPOST, rkey), ref(person, REPOST, rkey, cid)))
        return moment

    def follow(self, person: Person | None = None, rkey: str | None = None) -> Moment:
        return self._toward_somebody(FOLLOW, person, rkey)

    def block(self, person: Person | None = None, rkey: str | None = None) -> Moment:
        return self._toward_somebody(BLOCK, person, rkey)

    def unlike(self) -> Moment | None:
        return self._stage.delete(self._stage.things[LIKE].take(self._stage.random()))

    def unfollow(self) -> Moment | None:
        return self._stage.delete(self._stage.things[FOLLOW].take(self._stage.random()))

    def unblock(self) -> Moment | None:
        return self._stage.delete(self._stage.things[BLOCK].take(self._stage.random()))

    def unrepost(self) -> Moment | None:
        taken = self._stage.reposts.take(self._stage.random())
        return self._stage.delete(taken and taken[0])

    def _came_by(self, record: Record) -> None:
        """The repost over which the reader met the post."""
        if repost := self._stage.reposts.pick(self._stage.random()):
            record["via"] = repost[1]

    def _toward_somebody(self, collection: str, person: Person | None, rkey: str | None) -> Moment:
        stage = self._stage
        person = person or stage.people.pick()
        subject = stage.people.pick() if stage.random() < 0.5 else stage.people.anybody()
        stamp = stage.clock.stamp(person)
        rkey = rkey or stamp.rkey
        record: Record = {"$type": collection, "createdAt": stamp.created, "subject": subject.did}
        stage.things[collection].add(Thing(person, collection, rkey))
        return stage.create(person, stamp, (collection, rkey), record)[0]
