"""Sorted pairs of keys and rows, chunk after chunk in a temporary file, on their way into an index."""

from collections.abc import Iterable, Iterator, Sequence
from typing import IO

import numpy as np

from lake.textindex.ngrams import KEYS, ROW_BITS, Keys
from lake.textindex.postings import PostingLists

STEP = 1024  # pairs from sample to sample: 8 KB
PIECE_SAMPLES = 1024  # of all runs in one piece of the merge: a million pairs


class SortedRun:
    """The pairs of one chunk, as grams.pairs() makes them, from here on in the file."""

    def __init__(self, file: IO[bytes], pairs: Keys) -> None:
        self._file, self._place, self._size = file, file.tell(), len(pairs)
        self.samples = pairs[::STEP].copy()
        file.write(pairs.tobytes())

    def upto(self, cuts: Iterable[int]) -> Iterator[PostingLists]:
        """All pairs as lists, in pieces: the keys below each cut. Cuts ascend."""
        first = 0
        for limit in cuts:
            last = self._cut(limit)
            yield _lists(self._read(first, last))
            first = last

    def _cut(self, limit: int) -> int:
        """How many pairs are below this key."""
        if limit >= KEYS:
            return self._size
        pair = np.uint64(limit << ROW_BITS)
        first = STEP * max(0, int(np.searchsorted(self.samples, pair)) - 1)
        return first + int(np.searchsorted(self._read(first, min(first + STEP, self._size)), pair))

    def _read(self, first: int, last: int) -> Keys:
        self._file.seek(self._place + 8 * first)
        return np.frombuffer(self._file.read(8 * (last - first)), np.uint64)


def cut_keys(runs: Sequence[SortedRun]) -> list[int]:
    """Keys that cut all runs into pieces of about one size together."""
    samples = np.sort(np.concatenate([run.samples for run in runs])) if runs else np.zeros(0, np.uint64)
    return [*np.unique(samples[PIECE_SAMPLES::PIECE_SAMPLES] >> np.uint64(ROW_BITS)).tolist(), KEYS]


def _lists(pairs: Keys) -> PostingLists:
    keys = pairs >> np.uint64(ROW_BITS)
    firsts = np.flatnonzero(np.diff(keys, prepend=~keys[:1]))
    rows = (pairs & np.uint64((1 << ROW_BITS) - 1)).astype(np.uint32)
    return PostingLists(keys[firsts], np.diff(firsts, append=len(keys)), rows)
