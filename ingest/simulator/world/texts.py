"""Generated texts and their facets, from the vocabularies."""

from collections.abc import Callable

from ingest.simulator.wire import Record
from ingest.simulator.world.people import Person
from ingest.simulator.world.vocabulary import EMOJI, LANGUAGES, VOCABULARY_SIZE, words

_FLATTENING = 3  # Zipf-Mandelbrot: the most frequent word is 3 % of a text
_SPREAD = VOCABULARY_SIZE / _FLATTENING + 1
_HOSTS = ("example.com", "www.example.org", "news.example", "blog.example.net", "video.example", "lake.example.edu")
_LINK_TAILS = ("", "?utm_source=feed&utm_medium=social", "#part-2", "?q=a&b=<c>", "/%E6%B9%96")


class PostText:
    """A text and its facets."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.facets: list[Record] = []

    def add(self, shown: str, feature: Record | None, space: str = " ") -> None:
        """Appends `shown`; a facet with `feature` covers exactly its bytes in UTF-8."""
        self.text += space if self.text else ""
        start = len(self.text.encode())
        self.text += shown
        if feature is not None:
            index = {"byteEnd": start + len(shown.encode()), "byteStart": start}
            self.facets.append({"features": [feature], "index": index})


class Writer:
    """Writes in a person's language."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random

    def number(self, below: int) -> int:
        return int(self._random() * below)

    def word(self, person: Person) -> str:
        return words(person.language)[int(_FLATTENING * (_SPREAD ** self._random() - 1))]

    def phrase(self, person: Person, count: int) -> str:
        """`count` words, with punctuation from the eighth on."""
        random, vocabulary, language = self._random, words(person.language), LANGUAGES[person.language]
        chosen = [vocabulary[int(_FLATTENING * (_SPREAD ** random() - 1))] for _ in range(count)]
        for end in range(7, count, 9):
            chosen[end] += language.stops[self.number(len(language.stops))].rstrip(" ")
        if random() < 0.2:
            chosen.append(EMOJI[self.number(len(EMOJI))])
        return language.space.join(chosen)

    def post_text(self, person: Person, mentioned: Callable[[], Person]) -> PostText:
        """The text of a post, some with hashtags, mentions or links, with facets or without."""
        chance = self._random()
        if chance < 0.012:
            return PostText("")
        text = PostText(self.phrase(person, 2 + int(28 * chance**2)))
        if chance > 0.9998:
            text.text += "\0" + self.word(person)
        decoration = self._random()
        if decoration < 0.10:
            self._hashtags(text, person)
        elif decoration < 0.16:
            friend = mentioned()
            text.add(f"@{friend.handle}", {"$type": "app.bsky.richtext.facet#mention", "did": friend.did})
        elif decoration < 0.26:
            self._link(text)
        return text

    def _hashtags(self, text: PostText, person: Person) -> None:
        for _ in range(1 + self.number(3)):
            tag = self.word(person).strip("'?!¿¡") or "lake"
            faceted = self._random() < 0.8
            sign = "＃" if self._random() < 0.03 else "#"
            text.add(sign + tag, {"$type": "app.bsky.richtext.facet#tag", "tag": tag} if faceted else None)

    def _link(self, text: PostText) -> None:
        url = self.url()
        shown = url.removeprefix("https://")
        chance = self._random()
        if chance < 0.15:
            text.add(url, None)
            return
        short = shown if len(shown) < 28 or chance < 0.3 else shown[:25] + "..."
        text.add(short, {"$type": "app.bsky.richtext.facet#link", "uri": url}, "\n")

    def url(self) -> str:
        latin = words(0)
        slug = "-".join(latin[300 + self.number(10_000)] for _ in range(3))  # ASCII letters only
        return f"https://{_HOSTS[self.number(len(_HOSTS))]}/{self.number(10**6)}/{slug}{self._tail()}"

    def _tail(self) -> str:
        return _LINK_TAILS[self.number(len(_LINK_TAILS))] if self._random() < 0.3 else ""
