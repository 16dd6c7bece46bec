"""What is asked of the months, and how often it must be found."""

from typing import NamedTuple

import numpy as np

from ingest.simulator.world.vocabulary import LANGUAGES
from tests.bench.months import Months
from tests.bench.months_authors import authors
from tests.bench.months_needles import AUTHOR, JAPANESE, PART, PHRASE, WORD, Needle


class Question(NamedTuple):
    """Posts whose text holds this, caseless; of this author; in this language. `hits`: how many there must be; None:
    nobody has counted."""

    name: str
    text: str = ""
    did: str = ""
    lang: str = ""
    hits: int | None = None


def questions(months: Months) -> list[Question]:
    return [
        Question("a common word", "time"),
        *(_needle(needle, months) for needle in (WORD, PART, PHRASE, JAPANESE)),
        Question("one author", did=AUTHOR, hits=months.of_author()),
        Question("a word of an author", "time", did=_busy(months.seed)),
        Question("a word and a language", "café", lang="fr"),
    ]


def _needle(needle: Needle, months: Months) -> Question:
    return Question(needle.name, needle.query.strip('"'), hits=needle.count(months.posts))


def _busy(seed: int) -> str:
    """The busiest author who writes English: a bot."""
    people = authors(seed)
    place = int(np.flatnonzero(people.languages == next(n for n, one in enumerate(LANGUAGES) if "en" in one.tags))[0])
    return str(people.dids[place])
