"""Words of the simulator's languages with a longer tail, as Arrow arrays: what the texts of months are made of.

A word comes in four forms, one token each: at the beginning of a text, within it, before a stop, as a hashtag. A token
begins with what parts it from the one before, so a text is its tokens one after the other: no join.
"""

from functools import cache
from string import ascii_lowercase
from typing import NamedTuple
from unicodedata import category

import numpy as np
import pyarrow as pa

from ingest.simulator.world.vocabulary import EMOJI, LANGUAGES, words
from tests.bench.months_needles import TOKENS

FIRST, WITHIN, STOPPED, TAG = range(4)
TAIL = 2_000  # words more for each part of a hundred of the people: a language that many write has more rare words
_FLATTENING = 3  # Zipf-Mandelbrot, as in the simulator


class Vocabulary(NamedTuple):
    """`tokens`: all words in each form, then emoji, then needles. Of each language: where its words begin, ln of how
    far its ranks spread, the mean length of a token in characters."""

    tokens: pa.StringArray
    tags: pa.StringArray  # of each word: what it is as a hashtag, lower-cased
    slugs: pa.StringArray  # of each English word: its letters of ASCII
    size: int
    begins: np.ndarray
    spreads: np.ndarray
    lengths: np.ndarray

    @property
    def emoji(self) -> int:
        return 4 * self.size

    @property
    def needles(self) -> int:
        return self.emoji + len(EMOJI)

    def pick(self, random: np.random.Generator, languages: np.ndarray) -> np.ndarray:
        """A word of each of these languages, the first of its language most often: places in `tags`."""
        spread = np.exp(random.random(len(languages), np.float32) * self.spreads[languages])
        places: np.ndarray = self.begins[languages] + (_FLATTENING * (spread - 1)).astype(np.int32)
        return places


@cache
def vocabulary() -> Vocabulary:
    of_each = [words(number) + tuple(_rare(number, rank) for rank in range(TAIL * language.share))
               for number, language in enumerate(LANGUAGES)]  # fmt: skip
    forms: list[list[str]] = [[], [], [], []]
    for language, found in zip(LANGUAGES, of_each, strict=True):
        forms[FIRST] += [word[0].upper() + word[1:] for word in found]
        forms[WITHIN] += [language.space + word for word in found]
        stops = [stop.rstrip(" ") for stop in language.stops]
        forms[STOPPED] += [language.space + word + stops[place % len(stops)] for place, word in enumerate(found)]
        forms[TAG] += [" #" + _tag(word) for word in found]
    counts = np.array([len(found) for found in of_each], np.int32)
    spreads = np.log((counts - 0.5) / _FLATTENING + 1).astype(np.float32)
    lengths = [_mean_length(found, language.space, spread)
               for found, language, spread in zip(of_each, LANGUAGES, spreads, strict=True)]  # fmt: skip
    emoji = [" " + sign for sign in EMOJI]
    slugs = ["".join(letter for letter in word.lower() if letter in ascii_lowercase) for word in of_each[0]]
    return Vocabulary(
        pa.array([*forms[FIRST], *forms[WITHIN], *forms[STOPPED], *forms[TAG], *emoji, *TOKENS], pa.string()),
        pa.array([tag[2:].replace("İ", "i").lower() for tag in forms[TAG]], pa.string()),
        pa.array(slugs, pa.string()),
        int(counts.sum()),
        np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int32),
        spreads,
        np.array(lengths),
    )


def _rare(number: int, rank: int) -> str:
    """A word of four syllables or five: the simulator's have three at most."""
    syllables = LANGUAGES[number].syllables.split()
    mixed, size = (rank + 1) * 0x9E3779B97F4A7C15 % 2**64, len(syllables)
    return "".join(syllables[(mixed >> shift) % size] for shift in range(20, 60 - 8 * (rank % 2), 8))


def _tag(word: str) -> str:
    """Its letters, marks and digits."""
    return "".join(sign for sign in word if category(sign)[0] in "LMN") or "lake"


def _mean_length(found: tuple[str, ...], space: str, spread: float) -> float:
    ranks = np.arange(len(found))
    chances = np.log((ranks + 1 + _FLATTENING) / (ranks + _FLATTENING)) / spread
    return float(chances @ np.array([len(word) for word in found])) + len(space)
