"""Evaluates a query on one index: the doc ids of the posts that may match."""

from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lake.textindex.key_query import AllKeys, AnyKey, KeyQuery
from lake.textindex.ngrams import KeyRange
from lake.textindex.postings import Block, DocIds
from lake.textindex.segment import SegmentReader
from lake.textindex.stored_posts import StoredPosts

MAX_BLOCKS = 64  # of one key range: a single character of a script without spaces starts some thousand grams
READ_COST = 50_000  # doc ids decoded in the time that it takes to read a candidate's row: 10 ns against 0.5 ms
USELESS = 0.9  # a list that keeps more than this share of the candidates
PATIENCE = 3  # useless lists after which the candidates are taken for matches
MARK_ABOVE = 1 / 16  # candidates for each doc id of a list: above it a bitmap is faster than binary search


class _Postings(NamedTuple):
    """The union of lists: in each block those from `first` up to, but without, `last`. `bound`: of its size."""

    bound: int
    lists: tuple[tuple[Block, int, int], ...]

    def doc_ids(self) -> DocIds:
        decoded = [block.doc_ids(first, last) for block, first, last in self.lists]
        single = len(decoded) == 1 and self.lists[0][2] == self.lists[0][1] + 1
        return decoded[0] if single else _union(decoded)


class _Disjunction(NamedTuple):
    bound: int
    clauses: "tuple[_Plan, ...]"

    def doc_ids(self) -> DocIds:
        return _union([clause.doc_ids() for clause in self.clauses])


class _Conjunction(NamedTuple):
    """Clauses by ascending bound."""

    bound: int
    clauses: "tuple[_Plan, ...]"

    def doc_ids(self) -> DocIds:
        """Further clauses are decoded only while that costs less than to read the rows that they may exclude."""
        candidates, useless = self.clauses[0].doc_ids(), 0
        for clause in self.clauses[1:]:
            if clause.bound > READ_COST * len(candidates) or useless == PATIENCE:
                break
            kept = _intersection(candidates, clause.doc_ids())
            useless += len(kept) > USELESS * len(candidates)
            candidates = kept
        return candidates


_Plan = _Postings | _Disjunction | _Conjunction


class TextIndex:
    """One open index. Thread-safe. All methods raise IndexDamaged. Opening it reads the directory only."""

    def __init__(self, path: Path) -> None:
        self._reader = SegmentReader(path)
        self.rows, self.close = self._reader.rows, self._reader.close

    def candidates(self, query: KeyQuery | None, limit: float = inf) -> DocIds | None:
        """Doc ids, ascending, of all posts that match and of some that don't. None: the index can't narrow, or its
        estimate is above the limit."""
        plan = self._plan(query, {})
        return None if plan is None or plan.bound > limit else plan.doc_ids()

    def estimate(self, query: KeyQuery | None) -> int:
        """An upper bound of the number of candidates; all rows where the index can't narrow. Decodes no list."""
        plan = self._plan(query, {})
        return self.rows if plan is None else min(self.rows, plan.bound)

    def stored(self, doc_ids: DocIds) -> StoredPosts:
        """What is stored of these posts, ascending."""
        return self._reader.stored(doc_ids)

    def _plan(self, query: KeyQuery | None, blocks: dict[int, Block]) -> _Plan | None:
        """The query bound to this index's lists. None: it can't narrow. `blocks`: those that are decoded already, as
        the keys of a long list of alternatives lie near each other."""
        match query:
            case KeyRange(low, high):
                return self._postings(low, high, blocks)
            case AnyKey(clauses):
                plans = [plan for clause in clauses if (plan := self._plan(clause, blocks)) is not None]
                bound = sum(plan.bound for plan in plans)
                return _Disjunction(bound, tuple(plans)) if len(plans) == len(clauses) else None
            case AllKeys(clauses):
                plans = [plan for clause in clauses if (plan := self._plan(clause, blocks)) is not None]
                plans.sort(key=lambda plan: plan.bound)
                return _Conjunction(plans[0].bound, tuple(plans)) if plans else None
        return None

    def _postings(self, low: int, high: int, blocks: dict[int, Block]) -> _Postings | None:
        first_keys = self._reader.first_keys
        begin = max(0, int(np.searchsorted(first_keys, np.uint64(low), "right")) - 1)
        end = int(np.searchsorted(first_keys, np.uint64(high), "right"))
        if end - begin > MAX_BLOCKS:
            return None
        lists, bound = [], 0
        for number in range(begin, end):
            block = blocks.get(number) or blocks.setdefault(number, self._reader.block(number))
            first, last = np.searchsorted(block.keys, np.array([low, high + 1], np.uint64)).tolist()
            if last > first:
                lists.append((block, first, last))
                bound += int(block.counts[first:last].sum())
        return _Postings(bound, tuple(lists))


def _union(parts: Sequence[DocIds]) -> DocIds:
    return np.unique(np.concatenate([*parts, np.zeros(0, np.uint32)]))


def _intersection(few: DocIds, many: DocIds) -> DocIds:
    """Both ascend."""
    if len(few) < MARK_ABOVE * len(many):
        both = many[np.minimum(np.searchsorted(many, few), len(many) - 1)] == few
    else:
        marked = np.zeros(1 + int(max(few[-1:].max(initial=0), many[-1:].max(initial=0))), np.bool_)
        marked[many] = True
        both = marked[few]
    common: DocIds = few[both]
    return common
