"""Sorted runs of (key, row) pairs in a temporary file: the intermediate step of building an index."""

from collections.abc import Iterable, Iterator, Sequence
from typing import IO, NamedTuple

import numpy as np

from lake.textindex.ngrams import KEYS, ROW_BITS, Keys
from lake.textindex.postings import PostingLists

SAMPLE_EVERY = 1024  # pairs: 8 KB
STEP_SAMPLES = 1024  # of all runs in one step of the merge: a million pairs


class SortedRun(NamedTuple):
    """The pairs of one chunk, 8 bytes each, at `offset` of the file; every SAMPLE_EVERY-th pair in memory."""

    file: IO[bytes]
    offset: int
    size: int
    samples: Keys

    def split(self, limits: Iterable[int]) -> Iterator[PostingLists]:
        """All pairs as posting lists, one slice for each limit: the keys below it. Limits ascend."""
        first = 0
        for limit in limits:
            last = self._rank(limit)
            yield _lists(self._read(first, last))
            first = last

    def _rank(self, limit: int) -> int:
        """How many pairs have keys below the limit."""
        if limit >= KEYS:
            return self.size
        pair = np.uint64(limit << ROW_BITS)
        first = SAMPLE_EVERY * max(0, int(np.searchsorted(self.samples, pair)) - 1)
        return first + int(np.searchsorted(self._read(first, min(first + SAMPLE_EVERY, self.size)), pair))

    def _read(self, first: int, last: int) -> Keys:
        self.file.seek(self.offset + 8 * first)
        return np.frombuffer(self.file.read(8 * (last - first)), np.uint64)


def write_run(file: IO[bytes], pairs: Keys) -> SortedRun:
    """Appends pairs as gram_pairs() returns them."""
    run = SortedRun(file, file.tell(), len(pairs), pairs[::SAMPLE_EVERY].copy())
    file.write(pairs.tobytes())
    return run


def split_keys(runs: Sequence[SortedRun]) -> list[int]:
    """Upper limits that split all runs into steps of about equal size together."""
    samples = np.sort(np.concatenate([run.samples for run in runs])) if runs else np.zeros(0, np.uint64)
    return [*np.unique(samples[STEP_SAMPLES::STEP_SAMPLES] >> np.uint64(ROW_BITS)).tolist(), KEYS]


def _lists(pairs: Keys) -> PostingLists:
    keys = pairs >> np.uint64(ROW_BITS)
    firsts = np.flatnonzero(np.diff(keys, prepend=~keys[:1]))
    rows = (pairs & np.uint64((1 << ROW_BITS) - 1)).astype(np.uint32)
    return PostingLists(keys[firsts], np.diff(firsts, append=len(keys)), rows)
