"""Likes, reposts, follows and blocks: four of five events, so this code is fast."""

from ingest.simulator.wire import Record
from ingest.simulator.world.people import Person, Stamp
from ingest.simulator.world.state import LIKE, REPOST, State, TimedFrame

_VIA_SHARES = {LIKE: 0.25, REPOST: 0.15}  # of those that name the repost through which the post was seen


class Interactions:
    """Each method returns an event, or None while the world holds nothing to act upon.

    With `person` and `rkey` the record is made there: a deleted one comes back.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def about_post(self, collection: str, person: Person | None = None, rkey: str | None = None) -> TimedFrame | None:
        """A like or a repost."""
        state = self._state
        post = state.popular_post()
        if post is None:
            return None
        person = person or state.people.pick()
        stamp = state.clock.stamp(person)
        record: Record = {"$type": collection, "createdAt": stamp.created, "subject": post.ref}
        if state.random() < _VIA_SHARES[collection] and (repost := state.records[REPOST].pick(state.random())):
            record["via"] = repost.ref
        return self._create(person, stamp, collection, rkey, record)

    def about_account(self, collection: str, person: Person | None = None, rkey: str | None = None) -> TimedFrame:
        """A follow or a block."""
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
