"""The other record types: profiles, lists, gates, feeds, and lexicons that nobody has heard of."""

from collections.abc import Callable

from ingest.simulator.wire import Record
from ingest.simulator.world.embeds import Embeds
from ingest.simulator.world.people import Person, Stamp
from ingest.simulator.world.recent import Recent
from ingest.simulator.world.stage import Moment, Post, Stage, Thing

PROFILE, STATUS = "app.bsky.actor.profile", "app.bsky.actor.status"
LIST, LISTITEM, LISTBLOCK = "app.bsky.graph.list", "app.bsky.graph.listitem", "app.bsky.graph.listblock"
THREADGATE, POSTGATE = "app.bsky.feed.threadgate", "app.bsky.feed.postgate"
STARTERPACK, GENERATOR = "app.bsky.graph.starterpack", "app.bsky.feed.generator"
CHECKIN, PLAY, POLL = "place.simulated.checkin", "org.example.music.play", "com.example.poll.vote"


class Rarities:
    """Each method returns a moment, or None while the world holds nothing to act upon."""

    def __init__(self, stage: Stage, embeds: Embeds) -> None:
        self._stage, self._embeds = stage, embeds
        self._lists: Recent[tuple[Person, str]] = Recent(1_000)
        self._gated: dict[str, Post | None] = {}

    def profile(self) -> Moment:
        return self._profile("update", self._stage.people.pick())

    def first_profile(self, person: Person) -> Moment:
        return self._profile("create", person)

    def status(self) -> Moment:
        person = self._stage.people.pick()
        return self._write(person, STATUS, {"durationMinutes": 30, "status": f"{STATUS}#live"}, rkey="self")

    def list(self) -> Moment:
        person = self._stage.people.pick()
        stamp = self._stage.clock.stamp(person)
        self._lists.add((person, f"at://{person.did}/{LIST}/{stamp.rkey}"))
        record = {"name": self._stage.writer.phrase(person, 3)[:60], "purpose": "app.bsky.graph.defs#curatelist"}
        return self._write(person, LIST, record, stamp=stamp)

    def listitem(self) -> Moment | None:
        return self._about_list(LISTITEM, lambda uri: {"list": uri, "subject": self._stage.people.anybody().did})

    def starterpack(self) -> Moment | None:
        return self._about_list(STARTERPACK, lambda uri: {"list": uri, "name": "Birds & boats of the lake"})

    def listblock(self) -> Moment | None:
        picked = self._lists.pick(self._stage.random())
        return picked and self._write(self._stage.people.pick(), LISTBLOCK, {"subject": picked[1]})

    def threadgate(self) -> Moment | None:
        allow = [{"$type": f"{THREADGATE}#mentionRule"}, {"$type": f"{THREADGATE}#followingRule"}]
        return self._gate(THREADGATE, {"allow": allow, "hiddenReplies": []})

    def postgate(self) -> Moment | None:
        rules = [{"$type": f"{POSTGATE}#disableRule"}]
        return self._gate(POSTGATE, {"detachedEmbeddingUris": [], "embeddingRules": rules})

    def generator(self) -> Moment:
        person = self._stage.people.pick()
        record = {"did": "did:web:feeds.example", "displayName": self._stage.writer.phrase(person, 2)}
        return self._write(person, GENERATOR, record, rkey=f"lake-{self._stage.writer.number(10**9)}")

    def unknown(self) -> Moment:
        """A record of a lexicon that this project has no column for."""
        person, number = self._stage.people.pick(), self._stage.writer.number
        match number(3):
            case 0:
                place = {"$type": "place.simulated.geo", "latitude": "47.6", "tags": [1, "b", None, {"deep": [[]]}]}
                return self._write(person, CHECKIN, {"place": place, "weight": 2**53 + number(2**53)})
            case 1:
                record = {"item": {"duration": None, "title": self._stage.writer.phrase(person, 3)}, "live": True}
                return self._write(person, PLAY, record, rkey="self")
            case _:
                record = {"proof": {"$bytes": "AAECAwQFBgc"}, "sheet": self._embeds.blob("application/pdf")}
                return self._write(person, POLL, record, linked=True)

    def remove(self) -> Moment | None:
        """The delete of something that is neither post nor interaction."""
        return self._stage.delete(self._stage.things["other"].take(self._stage.random()))

    def _profile(self, operation: str, person: Person) -> Moment:
        writer = self._stage.writer
        record: Record = {"description": writer.phrase(person, 10), "displayName": writer.phrase(person, 2)[:60]}
        linked = self._stage.random() < 0.8
        if linked:
            record["avatar"] = self._embeds.blob("image/jpeg")
        stamp = self._stage.clock.stamp(person)
        record |= {"$type": PROFILE, "createdAt": stamp.created}
        return self._stage.write(operation, person, stamp, (PROFILE, "self"), record, linked)[0]

    def _about_list(self, collection: str, record: Callable[[str], Record]) -> Moment | None:
        picked = self._lists.pick(self._stage.random())
        if picked is None or not picked[0].active:
            return None
        person, uri = picked
        return self._write(person, collection, record(uri))

    def _gate(self, collection: str, record: Record) -> Moment | None:
        """A gate has the rkey of its post: once each."""
        post = self._stage.posts.newest()
        if post is None or not post.person.active or post is self._gated.get(collection):
            return None
        self._gated[collection] = post
        return self._write(post.person, collection, record | {"post": post.ref["uri"]}, rkey=post.rkey)

    def _write(
        self,
        person: Person,
        collection: str,
        record: Record,
        *,
        stamp: Stamp | None = None,
        rkey: str | None = None,
        linked: bool = False,
    ) -> Moment:
        stamp = stamp or self._stage.clock.stamp(person)
        record |= {"$type": collection, "createdAt": stamp.created}
        # What has a fixed rkey replaces itself: whether it was there before, the stream does not say.
        operation = "update" if rkey == "self" else "create"
        if rkey != "self":
            self._stage.things["other"].add(Thing(person, collection, rkey or stamp.rkey))
        return self._stage.write(operation, person, stamp, (collection, rkey or stamp.rkey), record, linked)[0]
