"""Likes, reposts, follows and blocks: four of five events, so this code is fast."""

from ingest.simulator.wire import Record
from ingest.simulator.world.people import Person, Stamp
from ingest.simulator.world.state import BLOCK, FOLLOW, LIKE, REPOST, State, TimedFrame


class Interactions:
    """Each method returns an event, or None while the world holds nothing to act upon.

    With `person` and `rkey` the record is made there: a deleted one comes back.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def like(self, person: Person | None = None, rkey: str | None = None) -> TimedFrame | None:
        return self._about_post(LIKE, 0.25, person, rkey)

    def repost(self, person: Person | None = None, rkey: str | None = None) -> TimedFrame | None:
        return self._about_post(REPOST, 0.15, person, rkey)

    def follow(self, person: Person | None = None, rkey: str | None = None) -> TimedFrame:
        return self._about_account(FOLLOW, person, rkey)

    def block(self, person: Person | None = None, rkey: str | None = None) -> TimedFrame:
        return self._about_account(BLOCK, person, rkey)

    def _about_post(
        self, collection: str, via_share: float, person: Person | None, rkey: str | None
    ) -> TimedFrame | None:
        """`via_share`: how many of them name the repost through which the post was seen."""
        state = self._state
        post = state.popular_post()
        if post is None:
            return None
        person = person or state.people.pick()
        stamp = state.clock.stamp(person)
        record: Record = {"$type": collection, "createdAt": stamp.created, "subject": post.ref}
        if state.random() < via_share and (repost := state.records[REPOST].pick(state.random())):
            record["via"] = repost.ref
        return self._create(person, stamp, collection, rkey, record)

    def _about_account(self, collection: str, person: Person | None, rkey: str | None) -> TimedFrame:
        state = self._state
        person = person or state.people.pick()
        subject = state.people.pick() if state.random() < 0.5 else state.people.anybody()
        stamp = state.clock.stamp(person)
        record: Record = {"$type": collection, "createdAt": stamp.created, "subject": subject.did}
        return self._create(person, stamp, collection, rkey, record)

    def _create(self, person: Person, stamp: Stamp, collection: str, rkey: str | None, record: Record) -> TimedFrame:
        event, made = self._state.write("create", person, stamp, (collection, rkey or stamp.rkey), record)
        self._state.records[collection].add(made)
        return event
