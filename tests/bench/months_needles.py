"""What is hidden in the texts of months so that answers can be checked: each in a post of every so many, no more.

Its words are in no vocabulary. The phrase's words stand alone in other posts, far more often than beside each other.
"""

from typing import NamedTuple

import numpy as np

from ingest.simulator.world.vocabulary import LANGUAGES


class Needle(NamedTuple):
    """In the posts whose number, from the beginning of the months, is `at` above a multiple of `every`."""

    name: str
    query: str
    every: int
    at: int
    tokens: tuple[str, ...]  # one of them in each such post, in turn
    language: int | None = None  # that the post then has

    def count(self, posts: int) -> int:
        """How many of the first so many posts have it."""
        return max(0, -(-(posts - self.at) // self.every))

    def places(self, first: int, last: int) -> np.ndarray:
        """Numbers of the posts from `first` up to, but without, `last` that have it."""
        begin = self.at + max(0, -(-(first - self.at) // self.every)) * self.every
        return np.arange(begin, last, self.every)


_JAPANESE = next(number for number, language in enumerate(LANGUAGES) if language.tags == ["ja"])

WORD = Needle("a rare word", "quixbrandt", 1_500_000, 70_001, (" quixbrandt",))
PART = Needle(
    "a rare part of words", "ovzkwy", 500_000, 60_002, (" brovzkwyna", " lakOvzkwyd", " tidovzkwy", " xovzkwyü")
)
PHRASE = Needle("a phrase of two words", '"velvzt thundkr"', 300_000, 50_003, (" Velvzt thundkr",))
ALONE = (
    Needle("its first word", "velvzt", 2_000, 504, (" velvzt",), 0),
    Needle("its second word", "thundkr", 2_000, 1_505, (" thundkr",), 0),
)
JAPANESE = Needle("two Japanese characters", "湖畔", 5_000, 1_206, ("湖畔", "の湖畔で"), _JAPANESE)
NEEDLES = (WORD, PART, PHRASE, *ALONE, JAPANESE)
TOKENS = tuple(token for needle in NEEDLES for token in needle.tokens)

AUTHOR = "did:plc:needleneedleneedleneed2"
AUTHORS_POSTS = 100  # about, whatever the number of posts


def authors_every(posts: int) -> int:
    return max(2, posts // AUTHORS_POSTS)
