"""Who writes the posts of months: a million people, the busiest of them bots."""

from functools import cache

import numpy as np
import pyarrow as pa

from ingest.simulator.world.vocabulary import LANGUAGES, words
from tests.bench.months_columns import base32, text
from tests.bench.months_needles import AUTHOR

COUNT = 1_000_000
_FLATTENING = 15  # Zipf-Mandelbrot: the busiest writes 0.6 % of all posts, 20,000 a day
_LANGUAGE_OF_PERCENT = np.array(
    [number for number, language in enumerate(LANGUAGES) for _ in range(language.share)], np.int32
)


class Authors:
    """Everything fixed about an author depends on the seed and its number. The last one is the needle."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng([seed, 0])
        self.dids = pa.concat_arrays([base32(random, COUNT, b"did:plc:", 24), pa.array([AUTHOR])])
        self.languages = _LANGUAGE_OF_PERCENT[random.integers(0, len(_LANGUAGE_OF_PERCENT), COUNT + 1)]
        self.clocks = random.integers(0, 1024, COUNT + 1)
        self.skews = random.integers(-2_000_000, 500_000, COUNT + 1)  # microseconds, of the clock that says `created`
        self._names = pa.array(words(0)[300:10_300])

    @property
    def needle(self) -> int:
        return COUNT

    def pick(self, random: np.random.Generator, count: int) -> np.ndarray:
        spread = np.exp(random.random(count) * np.log((COUNT - 0.5) / _FLATTENING + 1))
        places: np.ndarray = (_FLATTENING * (spread - 1)).astype(np.int64)
        return places

    def handles(self, numbers: np.ndarray) -> pa.StringArray:
        return text(self._names.take(pa.array(numbers % len(self._names))), "-", numbers, ".people.example")


@cache
def authors(seed: int) -> Authors:
    return Authors(seed)
