"""Asks one index which posts may match a query: their doc_ids."""

from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from lake.query.index_terms import index_terms
from lake.query.tree import Node
from lake.textindex.key_query import AllKeys, AnyKey, KeyQuery
from lake.textindex.ngrams import KeyRange
from lake.textindex.postings import Block, DocIds
from lake.textindex.segment import SegmentReader

MAX_BLOCKS = 64  # of one range: a single sign of a script without spaces begins some thousand grams
READ_COST = 50_000  # to read a candidate's row costs as much as to decode so many doc_ids: 0.5 ms against 10 ns
USELESS = 0.9  # a list that leaves more than this of the candidates
PATIENCE = 3  # useless lists, until it is believed that the candidates match
MARK_ABOVE = 1 / 16  # candidates for each doc id of a list: from here a table of all posts is faster than a search


class _Leaf(NamedTuple):
    """Lists of the index, any of which will do: from `first` up to, but without, `last` of each block."""

    most: int
    lists: tuple[tuple[Block, int, int], ...]

    def doc_ids(self) -> DocIds:
        found = [block.doc_ids(first, last) for block, first, last in self.lists]
        one = len(found) == 1 and self.lists[0][2] == self.lists[0][1] + 1
        return found[0] if one else _united(found)


class _Union(NamedTuple):
    most: int
    of: "tuple[_Plan, ...]"

    def doc_ids(self) -> DocIds:
        return _united([one.doc_ids() for one in self.of])


class _Meet(NamedTuple):
    """`of`: the shortest first."""

    most: int
    of: "tuple[_Plan, ...]"

    def doc_ids(self) -> DocIds:
        """The lists after the first are read as long as that is worth it: each candidate less is a row less to read."""
        found, useless = self.of[0].doc_ids(), 0
        for other in self.of[1:]:
            if other.most > READ_COST * len(found) or useless == PATIENCE:
                break
            kept = _in_both(found, other.doc_ids())
            useless += len(kept) > USELESS * len(found)
            found = kept
        return found


_Plan = _Leaf | _Union | _Meet


class TextIndex:
    """One open index. Any number of threads may use it. All methods raise IndexDamaged."""

    def __init__(self, reader: SegmentReader) -> None:
        self._reader = reader
        self.rows = reader.rows

    @classmethod
    def open(cls, path: Path) -> Self:
        """Reads the directory only."""
        return cls(SegmentReader(path))

    def close(self) -> None:
        self._reader.close()

    def candidates(self, node: Node, most: float = inf) -> DocIds | None:
        """The doc_ids, ascending, of all posts that match and of some that don't. None: the index can't narrow, or
        not to so many by its counts."""
        asked = self._asked(index_terms(node))
        return None if asked is None or asked.most > most else asked.doc_ids()

    def estimate(self, node: Node) -> int:
        """No less than the number of candidates; all rows where the index can't narrow. Reads no list."""
        asked = self._asked(index_terms(node))
        return self.rows if asked is None else min(self.rows, asked.most)

    def _asked(self, want: KeyQuery | None) -> _Plan | None:
        """What was wanted, with the lists that this index has of it. None: it can't narrow."""
        match want:
            case KeyRange(low, high):
                return self._leaf(low, high)
            case AnyKey(of):
                every = [self._asked(one) for one in of]
                known = tuple(one for one in every if one is not None)
                return _Union(sum(one.most for one in known), known) if len(known) == len(every) else None
            case AllKeys(of):
                known = tuple(found for one in of if (found := self._asked(one)) is not None)
                ordered = tuple(sorted(known, key=lambda one: one.most))
                return _Meet(ordered[0].most, ordered) if ordered else None
        return None

    def _leaf(self, low: int, high: int) -> _Leaf | None:
        firsts = self._reader.firsts
        begin = max(0, int(np.searchsorted(firsts, np.uint64(low), "right")) - 1)
        end = int(np.searchsorted(firsts, np.uint64(high), "right"))
        if end - begin > MAX_BLOCKS:
            return None
        lists, most = [], 0
        for number in range(begin, end):
            block = self._reader.block(number)
            first, last = np.searchsorted(block.keys, np.array([low, high + 1], np.uint64)).tolist()
            if last > first:
                lists.append((block, first, last))
                most += int(block.counts[first:last].sum())
        return _Leaf(most, tuple(lists))


def _united(parts: Sequence[DocIds]) -> DocIds:
    return np.unique(np.concatenate([*parts, np.zeros(0, np.uint32)]))


def _in_both(few: DocIds, many: DocIds) -> DocIds:
    """Both ascend."""
    if len(few) < MARK_ABOVE * len(many):
        both = many[np.minimum(np.searchsorted(many, few), len(many) - 1)] == few
    else:
        marked = np.zeros(1 + int(max(few[-1:].max(initial=0), many[-1:].max(initial=0))), np.bool_)
        marked[many] = True
        both = marked[few]
    found: DocIds = few[both]
    return found
