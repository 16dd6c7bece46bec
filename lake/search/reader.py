"""What a process searches a lake with, and the pages of a search."""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from lake.errors import QueryTimeout
from lake.query.spec import ResumePoint, Search
from lake.scan.full_scan import FullScan
from lake.scan.hit import Hit
from lake.scan.index_pruning import IndexPruner, page_cost
from lake.scan.paged_scan import PagedScan, Slice
from lake.scan.scan_range import ScanRange
from lake.scan.scanner import Scanner
from lake.scan.search_sql import SearchSql
from lake.scan.tombstone_cache import TombstoneCache
from lake.scan.visibility import hidden_versions
from lake.search.answer_cache import AnswerCache, Slot
from lake.search.candidates import Candidates
from lake.storage.duckdb_engine import Engine
from process.instants import iso_us

PAGES = 256  # that are kept; some 2 KB a hit
KEPT_HITS = 100  # of a page that is kept: 50 MB in all
COUNTS = 10_000
SPARE = 5  # candidates beyond a page, for those that are hidden


class Found(NamedTuple):
    """A hit that shows. `place`: among the candidates of its scan, from 1 on."""

    hit: Hit
    place: int


class Page(NamedTuple):
    """`hidden`: candidates passed over, each on one page only. `next`: where the next page begins; None when there is
    none. `total`: the number of hits when a first page holds them all, else None. `searched_to`: how far the scan came
    when its time was over, else None."""

    hits: list[Hit]
    hidden: int
    next: ResumePoint | None
    total: int | None
    searched_to: str | None

    @property
    def complete(self) -> bool:
        return self.searched_to is None


class Reader:
    """Of one lake. One per process: it holds the DuckDB database. Any number of threads may use it. `full_scan` answers
    what concerns all hits. `slot`: bounds how many pages are read and hits counted at once."""

    def __init__(self, engine: Engine, root: Path, slot: Slot = nullcontext) -> None:
        self.scanner = Scanner(engine, root)
        self.tombstones = TombstoneCache(engine)
        self.full_scan = FullScan(self.scanner, self.tombstones)
        self._pages: AnswerCache[Page] = AnswerCache(
            PAGES, lambda page: page.complete and len(page.hits) <= KEPT_HITS, slot
        )
        self._counts: AnswerCache[tuple[int, str]] = AnswerCache(COUNTS, lambda counted: counted[1] == "eq", slot)

        self._removed: AnswerCache[int | None] = AnswerCache(COUNTS, lambda counted: counted is not None, slot)

    def probe(self, seconds: float) -> None:
        """Reads the newest post. Raises what keeps searches from being answered."""
        next(iter(self._scan(Search(), 1, lambda: seconds, None)), None)

    def find(self, search: Search, limit: int = 50, offset: int = 0, start: ResumePoint | None = None) -> Page:
        """One page, from `start` on. Raises QueryTooLarge, LakeUnusable or, when no slice was read in time,
        QueryTimeout."""
        question = (replace(search, timeout=0), limit, offset, start)
        return self._pages.get(question, lambda: self._find(search, limit, offset, start), search.timeout)

    def count(self, search: Search, seconds: float) -> tuple[int, str]:
        """As FullScan.count(): how many hits there are and `eq`, or a lower bound and `gte` after so many seconds."""
        question = replace(search, timeout=0)
        if seconds <= 0:  # computing would wait for a slot
            return self._counts.kept(question) or (0, "gte")
        try:
            return self._counts.get(question, lambda: self.full_scan.count(search, seconds), seconds)
        except QueryTimeout:  # while another reader counted the same
            return 0, "gte"

    def removed(self, search: Search, seconds: float) -> int | None:
        """As FullScan.removed()."""
        if seconds <= 0:
            return self._removed.kept(replace(search, timeout=0))
        try:
            return self._removed.get(
                replace(search, timeout=0), lambda: self.full_scan.removed(search, seconds), seconds
            )
        except QueryTimeout:  # while another reader counted the same
            return None

    def _find(self, search: Search, limit: int, offset: int, start: ResumePoint | None) -> Page:
        deadline = time.monotonic() + search.timeout
        last = offset + limit
        scan = self._scan(search, last + SPARE, lambda: deadline - time.monotonic(), start)
        found: list[Found] = []
        read = 0
        reached: ResumePoint | None = None
        timed_out = False
        try:
            for part in scan:
                found += [Found(hit, read + place) for hit, place in part.rows]
                read += part.candidates
                reached = scan.resume
                if len(found) > last:  # there is a next page
                    break
                scan.size = last + SPARE - len(found)
        except QueryTimeout:
            if reached is None:
                raise
            timed_out = len(found) < last
        return Page(
            [hit for hit, _ in found[offset:last]],
            _hidden(found, offset, last, read, scan.ended),
            _next(search, scan, found, last, reached),
            len(found) if scan.ended and start is None else None,
            iso_us(search.position(reached.position)) if timed_out and reached else None,
        )

    def _scan(
        self, search: Search, size: int, seconds: Callable[[], float], start: ResumePoint | None
    ) -> PagedScan[list[Found]]:
        candidates = Candidates(self.scanner, SearchSql(search))

        def read(scan: ScanRange, size: int, seconds: float) -> Slice[list[Found]]:
            deadline = time.monotonic() + seconds
            rows = candidates.read(scan, size, seconds)
            left = deadline - time.monotonic()
            hidden = hidden_versions(search, rows, self.scanner, left)
            shown = [Found(hit, place) for place, hit in enumerate(rows, 1) if hit.version not in hidden]
            return Slice(shown, len(rows), rows[-1].key if rows else None)

        return PagedScan(read, search, size, seconds, start, IndexPruner(self.scanner, search, page_cost))


def _next(
    search: Search, scan: PagedScan[list[Found]], found: Sequence[Found], last: int, reached: ResumePoint | None
) -> ResumePoint | None:
    if len(found) > last or (len(found) == last and not scan.ended):
        return search.resume_after(found[last - 1].hit.key)
    return None if scan.ended else reached


def _hidden(found: Sequence[Found], offset: int, last: int, read: int, ended: bool) -> int:
    """How many of the candidates between the page before and the next one do not show."""
    following = len(found) > last or (len(found) == last and not ended)
    end = found[last - 1].place if following else read
    begin = 0 if offset == 0 else found[offset - 1].place if offset <= len(found) else end
    return end - begin - len(found[offset:last])
