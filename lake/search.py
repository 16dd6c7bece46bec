"""Finds posts: a page of hits, or all of them. Newest first, hidden ones never, by seen, did and rkey."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import structlog

from lake.engine import Engine
from lake.errors import LakeUnusable, QueryTimeout, QueryTooLarge
from lake.hits import COLLECTION, File, Hit, Source, files_of, iso
from lake.query import Query, Search
from lake.visibility import hidden
from lake.walk import Walk

__all__ = ["Hit", "Page", "Query", "Reader", "Search"]

log = structlog.get_logger("search")

SPARE = 10  # candidates beyond a page, for those that are hidden
EXPORT_ROWS = 5000  # of a piece: some 10 MB while they are being written out
COUNT_SECONDS = 0.5
COUNT_KEYS = 5000  # looked up in the catalog at once
COUNT_FILES = 64  # of one query


class Page(NamedTuple):
    """Hits and what is known of the rest. `total_relation`: eq, or gte when `total` is a lower bound. `hidden`: how
    many were passed over. `searched_to`: None, or how far the walk had come when its time was over: what was seen later
    is here."""

    hits: list[Hit]
    hidden: int
    total: int
    total_relation: str
    searched_to: str | None

    @property
    def complete(self) -> bool:
        return self.searched_to is None


class Reader:
    """Searches one lake. One per process: it holds the DuckDB database. Any number of threads may use it."""

    def __init__(self, engine: Engine, root: Path) -> None:
        self._source = Source(engine, root)

    def probe(self, seconds: float) -> None:
        """Reads the newest post. Raises what keeps searches from being answered."""
        next(iter(Walk(self._source, Search(Query()), 1, lambda: seconds)), None)

    def find(self, search: Search) -> Page:
        """One page. Raises QueryTooLarge, LakeUnusable or, when no part of it was read in time, QueryTimeout."""
        deadline = time.monotonic() + search.timeout
        wanted = search.offset + search.limit
        walk = Walk(self._source, search, wanted + SPARE, lambda: deadline - time.monotonic())
        found: list[Hit] = []
        passed_over = 0
        reached = searched_to = None
        try:
            for piece in walk:
                found += piece.hits
                passed_over += piece.hidden
                reached = iso(walk.place.us)
                if len(found) >= wanted:
                    break
        except QueryTimeout:
            if reached is None:
                raise
            searched_to = reached
        total, relation = self._total(search, walk, len(found), deadline)
        return Page(found[search.offset : wanted], passed_over, total, relation, searched_to)

    def export(self, search: Search) -> Iterator[list[Hit]]:
        """All hits in lists, in constant memory. Raises as find() does, also in the middle."""
        for piece in Walk(self._source, search, EXPORT_ROWS, lambda: search.timeout):
            yield piece.hits

    def _total(self, search: Search, walk: Walk, found: int, deadline: float) -> tuple[int, str]:
        """How many visible hits there are: those found when that was all, else what can be counted in time."""
        if walk.ended:
            return found, "eq"
        counted, relation = self._count(search, min(deadline, time.monotonic() + COUNT_SECONDS))
        return max(counted, found), relation

    def _count(self, search: Search, deadline: float) -> tuple[int, str]:
        total = 0
        try:
            for part in growing(files_of(search)):
                for keys in self._source.keys(search, part, COUNT_KEYS, deadline - time.monotonic()):
                    total += len(keys) - len(hidden(keys, COLLECTION))
                    if time.monotonic() > deadline:
                        return total, "gte"
        except (QueryTimeout, QueryTooLarge):
            return total, "gte"
        except LakeUnusable as error:  # the page itself is right: whoever needs that file will see the error
            log.error("a listed file can't be counted", error=str(error))  # noqa: TRY400
            return total, "gte"
        return total, "eq"


def growing(files: Sequence[File]) -> Iterator[Sequence[File]]:
    """Files by 1, 2, 4, ... so that the first ones are counted however many there are."""
    start, size = 0, 1
    while start < len(files):
        yield files[start : start + size]
        start, size = start + size, min(COUNT_FILES, size * 2)
