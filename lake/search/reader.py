"""Finds rows of a dataset: a page of hits and how many there are. Hidden ones never."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import structlog

from lake.errors import QueryTimeout
from lake.query.spec import ResumePoint, Search
from lake.search.full_scan import FullScan
from lake.search.hit import Hit
from lake.search.index_pruning import TIMES_COST
from lake.search.paged_scan import PagedScan, Slice
from lake.search.scan import Scanner
from lake.search.snapshot import ScanFile
from lake.search.tombstone_cache import TombstoneCache
from lake.search.visibility import hidden
from lake.storage.duckdb_engine import Engine
from process.instants import iso_us

log = structlog.get_logger("search")

SPARE = 5  # candidates beyond a page, for those that are hidden


class Page(NamedTuple):
    """Hits, and where the next page begins: None when there is none. `hidden`: how many candidates were passed over.
    `total`: how many hits there are when the page is the first and holds them all, else None. `searched_to`: None, or
    how far the walk had come when its time was over: what lies before that is here."""

    hits: list[Hit]
    hidden: int
    next: ResumePoint | None
    total: int | None
    searched_to: str | None

    @property
    def complete(self) -> bool:
        return self.searched_to is None


class Reader:
    """Searches one lake. One per process: it holds the DuckDB database. Any number of threads may use it."""

    def __init__(self, engine: Engine, root: Path) -> None:
        self.source = Scanner(engine, root)
        self.graves = TombstoneCache(engine)
        self.whole = FullScan(self.source, self.graves)

    def probe(self, seconds: float) -> None:
        """Reads the newest post. Raises what keeps searches from being answered."""
        next(iter(PagedScan(self._hits, Search(), 1, lambda: seconds)), None)

    def find(self, search: Search, limit: int = 50, offset: int = 0, start: ResumePoint | None = None) -> Page:
        """One page, from `start` on. Raises QueryTooLarge, LakeUnusable or, when no part of it was read in time,
        QueryTimeout."""
        deadline = time.monotonic() + search.timeout
        wanted = offset + limit
        walk = PagedScan(
            self._hits,
            search,
            wanted + SPARE,
            lambda: deadline - time.monotonic(),
            start,
            self.source.narrowing(search, TIMES_COST),
        )
        found: list[Hit] = []
        candidates = 0
        reached: ResumePoint | None = None
        timed_out = False
        try:
            for piece in walk:
                found += piece.rows
                candidates += piece.candidates
                reached = walk.place
                if len(found) >= wanted:
                    break
                walk.size = wanted + SPARE - len(found)
        except QueryTimeout:
            if reached is None:
                raise
            timed_out = len(found) < wanted
        hits = found[offset:wanted]
        return Page(
            hits,
            candidates - len(found),
            _next(search, walk, found, wanted, reached),
            len(found) if walk.ended and start is None else None,
            iso_us(search.position(reached.at)) if timed_out and reached else None,
        )

    def _hits(
        self, search: Search, files: Sequence[ScanFile], low: int, high: ResumePoint, size: int, seconds: float
    ) -> Slice[list[Hit]]:
        deadline = time.monotonic() + seconds
        found = self.source.hits(search, files, low, high, size, seconds)
        gone = hidden(search, found, self.source, deadline - time.monotonic()) if search.hide else set()
        visible = [hit for hit in found if hit.version not in gone]
        return Slice(visible, len(found), found[-1].key if found else None)


def _next(
    search: Search, walk: PagedScan[list[Hit]], found: list[Hit], wanted: int, reached: ResumePoint | None
) -> ResumePoint | None:
    if len(found) > wanted or (len(found) == wanted and not walk.ended):
        return search.place(found[wanted - 1].key)
    return None if walk.ended else reached
