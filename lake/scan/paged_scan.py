"""Down the order of the hits, slice by slice; each is read whole before it is handed out.

A slice is a stretch of time, chosen from the catalog so that its files hold a number of rows: as many as should give
the hits that are still needed, going by the slices before. So a common word reads the newest rows only, a rare one
needs few queries, and the memory of both is bounded.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from lake.catalog.read_guard import REPEATS, listed_throughout
from lake.errors import QueryTimeout, Superseded
from lake.query.spec import ResumePoint, Search, SortKey
from lake.scan.index_pruning import IndexPruner
from lake.scan.scan_range import ScanFile, ScanRange
from lake.scan.snapshot import files_in_range

FIRST_ROWS = 20_000  # of the first slice: less than a row group of a flush file
MOST_ROWS = 5_000_000  # a second or two: what a scan loses that reaches its time limit
FIRST_PICKED = 6_000  # where an index picks the rows: 150 blocks of stored posts
MOST_FILES = 64  # of a slice: each costs some milliseconds however small it is
GROWTH = 4

Rows = TypeVar("Rows", covariant=True)


class Slice(NamedTuple, Generic[Rows]):
    """Visible rows of a scan range, how many candidates it had, and the last of these."""

    rows: Rows
    candidates: int
    last: SortKey | None


class ReadSlice(Protocol[Rows]):
    def __call__(self, scan: ScanRange, size: int, seconds: float) -> Slice[Rows]:
        """The first `size` candidates of the range."""


class PagedScan(Generic[Rows]):
    """Iterates over the slices of one search. `size`: the most candidates of a slice, which may be changed on the way.
    `seconds`: gives the time limit of each query. `resume`: below everything that was handed out. `ended`: nothing is
    left.

    Raises QueryTimeout and QueryTooLarge, and LakeUnusable when a listed file can't be read. When a file was replaced
    meanwhile, a smaller slice is read from the files that replaced it."""

    def __init__(
        self,
        read: ReadSlice[Rows],
        search: Search,
        size: int,
        seconds: Callable[[], float],
        start: ResumePoint | None,
        pruner: IndexPruner,
    ) -> None:
        self._read = read
        self._search = search
        self.size = size
        self._seconds = seconds
        self._pruner = pruner
        self._rows = self._fewest = FIRST_ROWS
        self._low, high = search.positions()
        top = ResumePoint(high)
        self.resume = top if start is None else min(start, top, key=lambda point: point.position)
        self.ended = False

    def __iter__(self) -> Iterator[Slice[Rows]]:
        failed_at, failures = self.resume, 0
        while not self.ended:
            try:
                yield from self._down(files_in_range(self._search))
                self.ended = True
            except Superseded:
                failures = failures + 1 if failed_at == self.resume else 1
                if failures > REPEATS:
                    raise
                failed_at = self.resume
                self._rows = max(1, self._rows // GROWTH)  # where files are replaced quickly, few stay for a read

    def _down(self, files: list[ScanFile]) -> Iterator[Slice[Rows]]:
        while files := [file for file in files if file.low <= self.resume.position]:
            highest = max(file.high for file in files)
            if highest < self.resume.position:
                self.resume = ResumePoint(highest)  # there is nothing in between
            if self.resume.position < self._low:
                return
            if (scan := self._next_range(files)).files:
                part = self._slice(scan)
                self.ended = self.resume.position < max(self._low, min(file.low for file in files))
                yield part
            else:
                self.resume = ResumePoint(scan.low - 1)

    def _next_range(self, files: Sequence[ScanFile]) -> ScanRange:
        """Without files when the indexes say that the stretch has no candidate."""
        if self._rows == FIRST_ROWS and self._pruner.pruned(files[0]).stored is not None:
            self._rows = self._fewest = FIRST_PICKED
        low = max(self._low, slice_end(files, self.resume.position, self._rows, self._pruner.cost))
        narrowed = (self._narrowed(file, low) for file in files if file.high >= low)
        return ScanRange(tuple(file for file in narrowed if not file.empty), low, self.resume)

    def _narrowed(self, file: ScanFile, low: int) -> ScanFile:
        if self._seconds() <= 0:
            raise QueryTimeout("The time limit was reached while rows that an index picked were checked.")
        return self._pruner.narrowed(file, low, self.resume.position)

    def _slice(self, scan: ScanRange) -> Slice[Rows]:
        with listed_throughout(scan.read):
            part = self._read(scan, self.size, self._seconds())
        if part.candidates < self.size or part.last is None:
            self.resume = ResumePoint(scan.low - 1)
        else:
            self.resume = self._search.resume_after(part.last)
        self._rows = next_slice_rows(self._rows, part.candidates, self.size, self._fewest)
        return part


def next_slice_rows(rows: int, candidates: int, size: int, fewest: int) -> int:
    """Rows of the next slice: those that should give three quarters of `size` candidates when `rows` gave so many."""
    enough = rows * size * 3 // (4 * max(1, candidates))
    return min(MOST_ROWS, max(fewest, rows // GROWTH, min(rows * GROWTH, enough)))


def slice_end(files: Sequence[ScanFile], high: int, rows: int, cost: Callable[[ScanFile], int]) -> int:
    """The position down to which reading the files from `high` on costs as much as scanning so many rows. Files that
    begin last come first; of the one that exceeds the budget it is a part in proportion. Any position is correct."""
    read = 0
    for file in files:
        whole, end, length = cost(file), min(file.end, high), file.end - file.begin + 1
        left = whole * max(0, end - file.begin + 1) // length  # of the part from `high` on
        read += whole > 0
        if rows < left or read == MOST_FILES:
            return max(file.low, end - length * min(rows, left) // whole)
        rows -= left
    return min(file.low for file in files)
