"""The other record types: profiles, lists, gates, feeds, and lexicons that the project has no column for."""

from collections.abc import Callable

from ingest.simulator.wire import Record
from ingest.simulator.world.embeds import Embeds
from ingest.simulator.world.people import Person, Stamp
from ingest.simulator.world.pool import Pool
from ingest.simulator.world.state import OTHER, Post, State, TimedFrame

PROFILE, STATUS = "app.bsky.actor.profile", "app.bsky.actor.status"
LIST, LISTITEM, LISTBLOCK = "app.bsky.graph.list", "app.bsky.graph.listitem", "app.bsky.graph.listblock"
THREADGATE, POSTGATE = "app.bsky.feed.threadgate", "app.bsky.feed.postgate"
STARTERPACK, GENERATOR = "app.bsky.graph.starterpack", "app.bsky.feed.generator"
CHECKIN, PLAY, POLL = "place.simulated.checkin", "org.example.music.play", "com.example.poll.vote"


class OtherRecords:
    """Each method returns an event, or None while the world holds nothing to act upon."""

    def __init__(self, state: State, embeds: Embeds) -> None:
        self._state, self._embeds = state, embeds
        self._lists: Pool[tuple[Person, str]] = Pool(1_000)
        self._gated: dict[str, Post | None] = {}

    def profile(self) -> TimedFrame:
        return self._profile("update", self._state.people.pick())

    def first_profile(self, person: Person) -> TimedFrame:
        return self._profile("create", person)

    def status(self) -> TimedFrame:
        person = self._state.people.pick()
        return self._write(person, STATUS, {"durationMinutes": 30, "status": f"{STATUS}#live"}, rkey="self")

    def list(self) -> TimedFrame:
        person = self._state.people.pick()
        stamp = self._state.clock.stamp(person)
        self._lists.add((person, f"at://{person.did}/{LIST}/{stamp.rkey}"))
        record = {"name": self._state.writer.phrase(person, 3)[:60], "purpose": "app.bsky.graph.defs#curatelist"}
        return self._write(person, LIST, record, stamp=stamp)

    def listitem(self) -> TimedFrame | None:
        return self._about_list(LISTITEM, lambda uri: {"list": uri, "subject": self._state.people.anybody().did})

    def starterpack(self) -> TimedFrame | None:
        return self._about_list(STARTERPACK, lambda uri: {"list": uri, "name": "Birds & boats of the lake"})

    def listblock(self) -> TimedFrame | None:
        picked = self._lists.pick(self._state.random())
        return picked and self._write(self._state.people.pick(), LISTBLOCK, {"subject": picked[1]})

    def threadgate(self) -> TimedFrame | None:
        allow = [{"$type": f"{THREADGATE}#mentionRule"}, {"$type": f"{THREADGATE}#followingRule"}]
        return self._gate(THREADGATE, {"allow": allow, "hiddenReplies": []})

    def postgate(self) -> TimedFrame | None:
        rules = [{"$type": f"{POSTGATE}#disableRule"}]
        return self._gate(POSTGATE, {"detachedEmbeddingUris": [], "embeddingRules": rules})

    def generator(self) -> TimedFrame:
        person = self._state.people.pick()
        record = {"did": "did:web:feeds.example", "displayName": self._state.writer.phrase(person, 2)}
        return self._write(person, GENERATOR, record, rkey=f"lake-{self._state.writer.number(10**9)}")

    def unknown(self) -> TimedFrame:
        """A record of a lexicon that the project does not know."""
        person, number = self._state.people.pick(), self._state.writer.number
        match number(3):
            case 0:
                place = {"$type": "place.simulated.geo", "latitude": "47.6", "tags": [1, "b", None, {"deep": [[]]}]}
                return self._write(person, CHECKIN, {"place": place, "weight": 2**53 + number(2**53)})
            case 1:
                record = {"item": {"duration": None, "title": self._state.writer.phrase(person, 3)}, "live": True}
                return self._write(person, PLAY, record, rkey="self")
            case _:
                record = {"proof": {"$bytes": "AAECAwQFBgc"}, "sheet": self._embeds.blob("application/pdf")}
                return self._write(person, POLL, record, linked=True)

    def _profile(self, operation: str, person: Person) -> TimedFrame:
        writer = self._state.writer
        record: Record = {"description": writer.phrase(person, 10), "displayName": writer.phrase(person, 2)[:60]}
        linked = self._state.random() < 0.8
        if linked:
            record["avatar"] = self._embeds.blob("image/jpeg")
        stamp = self._state.clock.stamp(person)
        record |= {"$type": PROFILE, "createdAt": stamp.created}
        return self._state.write(operation, person, stamp, (PROFILE, "self"), record, linked)[0]

    def _about_list(self, collection: str, record: Callable[[str], Record]) -> TimedFrame | None:
        picked = self._lists.pick(self._state.random())
        if picked is None or not picked[0].active:
            return None
        person, uri = picked
        return self._write(person, collection, record(uri))

    def _gate(self, collection: str, record: Record) -> TimedFrame | None:
        """A gate has the rkey of its post, so a post gets one of each kind."""
        post = self._state.posts.newest()
        if post is None or not post.id.person.active or post is self._gated.get(collection):
            return None
        self._gated[collection] = post
        return self._write(post.id.person, collection, record | {"post": post.ref["uri"]}, rkey=post.id.rkey)

    def _write(
        self,
        person: Person,
        collection: str,
        record: Record,
        *,
        stamp: Stamp | None = None,
        rkey: str | None = None,
        linked: bool = False,
    ) -> TimedFrame:
        stamp = stamp or self._state.clock.stamp(person)
        record |= {"$type": collection, "createdAt": stamp.created}
        # A record with a fixed rkey replaces itself; the stream does not say whether it existed.
        operation = "update" if rkey == "self" else "create"
        event, made = self._state.write(operation, person, stamp, (collection, rkey or stamp.rkey), record, linked)
        if rkey != "self":
            self._state.records[OTHER].add(made)
        return event
