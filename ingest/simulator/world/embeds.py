"""Embeds of posts: images, videos, galleries, link cards, quotes."""

from collections.abc import Callable
from dataclasses import dataclass

from ingest.simulator.wire import Record
from ingest.simulator.world.identifiers import blob_link
from ingest.simulator.world.people import Person
from ingest.simulator.world.texts import Writer

Ref = dict[str, str]  # a strongRef: cid and uri


@dataclass(frozen=True)
class Embed:
    """`linked`: the record holds blobs, which are links in its CID."""

    record: Record
    linked: bool


class Embeds:
    """Makes embeds in realistic proportions. `quotable`: returns an existing post, or None while there is none."""

    def __init__(self, random: Callable[[], float], writer: Writer, quotable: Callable[[], Ref | None]) -> None:
        self._random, self._writer, self._quotable = random, writer, quotable

    def make(self, person: Person) -> Embed | None:
        chance = self._random()
        if chance > 0.42:
            return None
        if chance < 0.30:
            return self._media(person, chance / 0.30)
        quoted = self._quotable()
        if quoted is None:
            return None
        record: Record = {"$type": "app.bsky.embed.record", "record": quoted}
        if chance < 0.40:
            return Embed(record, linked=False)
        media = self._media(person, self._random())
        return Embed({"$type": "app.bsky.embed.recordWithMedia", "media": media.record, "record": record}, media.linked)

    def blob(self, mime_type: str) -> Record:
        number = self._writer.number(2**40)
        return {"$type": "blob", "mimeType": mime_type, "ref": blob_link(number), "size": 9_000 + number % 900_000}

    def _media(self, person: Person, chance: float) -> Embed:
        if chance < 0.56:
            return Embed({"$type": "app.bsky.embed.images", "images": self._images(person, 4)}, linked=True)
        if chance < 0.64:
            return Embed(self._video(person), linked=True)
        if chance < 0.66:
            items = [{"$type": "app.bsky.embed.gallery#image", **image} for image in self._images(person, 12)]
            return Embed({"$type": "app.bsky.embed.gallery", "items": items}, linked=True)
        return self._card(person)

    def _images(self, person: Person, most: int) -> list[Record]:
        count = 1 + int((most - 0.01) * self._random() ** 4)
        return [
            {"alt": self._alt(person), "aspectRatio": self._ratio(), "image": self.blob("image/jpeg")}
            for _ in range(count)
        ]

    def _video(self, person: Person) -> Record:
        video: Record = {"$type": "app.bsky.embed.video", "aspectRatio": self._ratio(), "video": self.blob("video/mp4")}
        if self._random() < 0.3:
            video["alt"] = self._alt(person)
        return video

    def _card(self, person: Person) -> Embed:
        card: Record = {
            "description": self._writer.phrase(person, 8),
            "title": self._writer.phrase(person, 5),
            "uri": self._writer.url(),
        }
        linked = self._random() < 0.7
        if linked:
            card["thumb"] = self.blob("image/jpeg")
        return Embed({"$type": "app.bsky.embed.external", "external": card}, linked)

    def _alt(self, person: Person) -> str:
        return self._writer.phrase(person, 9) if self._random() < 0.35 else ""

    def _ratio(self) -> Record:
        return {"height": 400 + self._writer.number(3600), "width": 400 + self._writer.number(3600)}
