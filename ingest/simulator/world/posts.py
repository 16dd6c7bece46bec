"""Posts: new ones, replies, edits, deletes."""

from ingest.simulator.wire import Record
from ingest.simulator.world.embeds import Embeds, Ref
from ingest.simulator.world.people import Person, Stamp
from ingest.simulator.world.state import POST, Post, State, TimedFrame
from ingest.simulator.world.vocabulary import LANGUAGES

_SELF_LABELS = ("porn", "sexual", "nudity", "graphic-media", "!no-unauthenticated", "bot")


class Posts:
    """Each method returns an event, or None while the world holds nothing to act upon."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.embeds = Embeds(state.random, state.writer, self._quotable)

    def post(self, person: Person | None = None, rkey: str | None = None) -> TimedFrame:
        state = self._state
        person = person or state.people.pick()
        stamp = state.clock.stamp(person)
        return self._publish("create", person, stamp, rkey or stamp.rkey, self._reply())

    def edit(self) -> TimedFrame | None:
        """A new version of a post, under the same URI and in the same thread."""
        post = self._state.posts.take(self._state.random())
        if post is None or not post.id.person.active:
            return None
        person = post.id.person
        return self._publish("update", person, self._state.clock.stamp(person), post.id.rkey, post.reply)

    def delete(self) -> TimedFrame | None:
        post = self._state.posts.take(self._state.random())
        return self._state.delete(post and post.id)

    def _publish(self, operation: str, person: Person, stamp: Stamp, rkey: str, reply: Record | None) -> TimedFrame:
        record, linked = self._record(person, stamp.created, reply)
        event, made = self._state.write(operation, person, stamp, (POST, rkey), record, linked)
        own = made.ref
        self._state.posts.add(Post(made, own, reply["root"] if reply else own, reply))
        return event

    def _record(self, person: Person, created: str, reply: Record | None) -> tuple[Record, bool]:
        state = self._state
        text = state.writer.post_text(person, state.people.pick)
        record: Record = {"$type": POST, "createdAt": created, "text": text.text}
        if text.facets:
            record["facets"] = text.facets
        if reply is not None:
            record["reply"] = reply
        if state.random() > 0.13:
            record["langs"] = self._langs(person)
        embed = self.embeds.make(person)
        if embed is not None:
            record["embed"] = embed.record
        if state.random() < 0.05:
            self._add_extras(record, person)
        return record, embed is not None and embed.linked

    def _langs(self, person: Person) -> list[str]:
        tags = LANGUAGES[person.language].tags
        tag = tags[self._state.writer.number(len(tags))]
        return [tag, "en"] if tag != "en" and self._state.random() < 0.08 else [tag]

    def _add_extras(self, record: Record, person: Person) -> None:
        """Adds self-labels, tags outside the text, or a field of no lexicon."""
        writer = self._state.writer
        match writer.number(3):
            case 0:
                label = _SELF_LABELS[writer.number(len(_SELF_LABELS))]
                record["labels"] = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": label}]}
            case 1:
                record["tags"] = [writer.word(person) for _ in range(1 + writer.number(4))]
            case _:
                record["org.example.client"] = {"name": "Boathouse", "version": [1, writer.number(9), None]}

    def _reply(self) -> Record | None:
        """45 of 100 posts are replies, mostly to popular posts."""
        if self._state.random() > 0.45:
            return None
        parent = self._state.popular_post()
        return parent and {"parent": parent.ref, "root": parent.root}

    def _quotable(self) -> Ref | None:
        post = self._state.popular_post()
        return post and post.ref
