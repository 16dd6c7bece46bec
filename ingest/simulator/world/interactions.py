"""Likes, reposts, follows and blocks: four of five events, so this code is fast."""

from ingest.simulator.wire import Record
from ingest.simulator.world.people import Person
from ingest.simulator.world.state import BLOCK, FOLLOW, LIKE, REPOST, RecordId, State, TimedFrame, ref


class Interactions:
    """Each method returns an event, or None while the world holds nothing to act upon.

    With `person` and `rkey` the record is made there: a deleted one comes back.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def like(self, person: Person | None = None, rkey: str | None = None) -> TimedFrame | None:
        state = self._state
        post = state.popular_post()
        if post is None:
            return None
        person = person or state.people.pick()
        stamp = state.clock.stamp(person)
        record: Record = {"$type": LIKE, "createdAt": stamp.created, "subject": post.ref}
        if state.random() < 0.25:
            self._add_via(record)
        rkey = rkey or stamp.rkey
        state.records[LIKE].add(RecordId(person, LIKE, rkey))
        return state.create(person, stamp, (LIKE, rkey), record)[0]

    def repost(self, person: Person | None = None, rkey: str | None = None) -> TimedFrame | None:
        state = self._state
        post = state.popular_post()
        if post is None:
            return None
        person = person or state.people.pick()
        stamp = state.clock.stamp(person)
        record: Record = {"$type": REPOST, "createdAt": stamp.created, "subject": post.ref}
        if state.random() < 0.15:
            self._add_via(record)
        rkey = rkey or stamp.rkey
        event, cid = state.create(person, stamp, (REPOST, rkey), record)
        state.reposts.add((RecordId(person, REPOST, rkey), ref(person, REPOST, rkey, cid)))
        return event

    def follow(self, person: Person | None = None, rkey: str | None = None) -> TimedFrame:
        return self._about_account(FOLLOW, person, rkey)

    def block(self, person: Person | None = None, rkey: str | None = None) -> TimedFrame:
        return self._about_account(BLOCK, person, rkey)

    def unlike(self) -> TimedFrame | None:
        return self._state.delete(self._state.records[LIKE].take(self._state.random()))

    def unfollow(self) -> TimedFrame | None:
        return self._state.delete(self._state.records[FOLLOW].take(self._state.random()))

    def unblock(self) -> TimedFrame | None:
        return self._state.delete(self._state.records[BLOCK].take(self._state.random()))

    def unrepost(self) -> TimedFrame | None:
        taken = self._state.reposts.take(self._state.random())
        return self._state.delete(taken and taken[0])

    def _add_via(self, record: Record) -> None:
        """Adds the repost through which the post was seen."""
        if repost := self._state.reposts.pick(self._state.random()):
            record["via"] = repost[1]

    def _about_account(self, collection: str, person: Person | None, rkey: str | None) -> TimedFrame:
        state = self._state
        person = person or state.people.pick()
        subject = state.people.pick() if state.random() < 0.5 else state.people.anybody()
        stamp = state.clock.stamp(person)
        rkey = rkey or stamp.rkey
        record: Record = {"$type": collection, "createdAt": stamp.created, "subject": subject.did}
        state.records[collection].add(RecordId(person, collection, rkey))
        return state.create(person, stamp, (collection, rkey), record)[0]
