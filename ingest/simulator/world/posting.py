"""Posts: written, answered, changed, deleted."""

from ingest.simulator.wire import Record
from ingest.simulator.world.embeds import Embeds, Ref
from ingest.simulator.world.people import Person, Stamp
from ingest.simulator.world.stage import POST, Moment, Post, Stage, Thing, ref
from ingest.simulator.world.vocabulary import LANGUAGES

_SELF_LABELS = ("porn", "sexual", "nudity", "graphic-media", "!no-unauthenticated", "bot")


class Posting:
    """Each method returns a moment, or None while the world holds nothing to act upon."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.embeds = Embeds(stage.random, stage.writer, self._quotable)

    def post(self, person: Person | None = None, rkey: str | None = None) -> Moment:
        stage = self._stage
        person = person or stage.people.pick()
        stamp = stage.clock.stamp(person)
        return self._publish("create", person, stamp, rkey or stamp.rkey, self._reply())

    def edit(self) -> Moment | None:
        """Another version of a post, under the same URI and in the same thread."""
        post = self._stage.posts.take(self._stage.random())
        if post is None or not post.person.active:
            return None
        return self._publish("update", post.person, self._stage.clock.stamp(post.person), post.rkey, post.reply)

    def delete(self) -> Moment | None:
        post = self._stage.posts.take(self._stage.random())
        return self._stage.delete(post and Thing(post.person, POST, post.rkey))

    def _publish(self, operation: str, person: Person, stamp: Stamp, rkey: str, reply: Record | None) -> Moment:
        record, linked = self._record(person, stamp.created, reply)
        moment, cid = self._stage.write(operation, person, stamp, (POST, rkey), record, linked)
        own = ref(person, POST, rkey, cid)
        self._stage.posts.add(Post(person, rkey, own, reply["root"] if reply else own, reply))
        return moment

    def _record(self, person: Person, created: str, reply: Record | None) -> tuple[Record, bool]:
        stage = self._stage
        draft = stage.writer.draft(person, stage.people.pick)
        record: Record = {"$type": POST, "createdAt": created, "text": draft.text}
        if draft.facets:
            record["facets"] = draft.facets
        if reply is not None:
            record["reply"] = reply
        if stage.random() > 0.13:
            record["langs"] = self._langs(person)
        embed = self.embeds.make(person)
        if embed is not None:
            record["embed"] = embed.record
        if stage.random() < 0.05:
            self._adorn(record, person)
        return record, embed is not None and embed.linked

    def _langs(self, person: Person) -> list[str]:
        tags = LANGUAGES[person.language].tags
        tag = tags[self._stage.writer.number(len(tags))]
        return [tag, "en"] if tag != "en" and self._stage.random() < 0.08 else [tag]

    def _adorn(self, record: Record, person: Person) -> None:
        """Labels of the author's own, tags outside the text, and fields that no lexicon knows."""
        writer = self._stage.writer
        match writer.number(3):
            case 0:
                label = _SELF_LABELS[writer.number(len(_SELF_LABELS))]
                record["labels"] = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": label}]}
            case 1:
                record["tags"] = [writer.word(person) for _ in range(1 + writer.number(4))]
            case _:
                record["org.example.client"] = {"name": "Boathouse", "version": [1, writer.number(9), None]}

    def _reply(self) -> Record | None:
        """45 of 100 posts answer a post: more often a popular one."""
        if self._stage.random() > 0.45:
            return None
        parent = self._stage.popular_post()
        return parent and {"parent": parent.ref, "root": parent.root}

    def _quotable(self) -> Ref | None:
        post = self._stage.popular_post()
        return post and post.ref
