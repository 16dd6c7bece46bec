"""Down the order of hits: piece by piece, each read whole before it is handed out.

A piece is a stretch of time, chosen from the catalog so that its files hold some number of rows: as many as should give
the hits that are wanted at once, going by the pieces before. So a common word reads the newest rows only, a rare one
needs few queries, and the memory of both is bounded.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from lake.catalog.read_guard import REPEATS, still_listed
from lake.errors import Superseded
from lake.query.spec import ResumePoint, Search, SortKey
from lake.search.index_pruning import IndexPruner
from lake.search.snapshot import ScanFile, files_in_range

FIRST_ROWS = 20_000  # of the first piece: less than a row group of a flush file
MOST_ROWS = 5_000_000  # a second or two: what a walk that reaches its time limit loses
FIRST_NAMED = 40_000  # where an index names the rows: a hundred row groups, of which only the times are read
MOST_FILES = 64  # of a piece: each costs some milliseconds however small it is
GROWTH = 4

Rows = TypeVar("Rows", covariant=True)


class Slice(NamedTuple, Generic[Rows]):
    """What was read of a stretch: its rows without those that must not show, how many candidates there were, and the
    last of these."""

    rows: Rows
    candidates: int
    last: SortKey | None


class ReadSlice(Protocol[Rows]):
    def __call__(
        self, search: Search, files: Sequence[ScanFile], low: int, high: ResumePoint, size: int, seconds: float
    ) -> Slice[Rows]:
        """The first `size` candidates from `high` down to the position `low`."""


class PagedScan(Generic[Rows]):
    """One search on its way down: iterate over its pieces. `size`: the most candidates of a piece, which may
    be changed on the way. `seconds`: asked before each query for its time limit. `place` is below everything that was
    handed out; `ended` when nothing is left.

    Raises QueryTimeout and QueryTooLarge, and LakeUnusable when a listed file can't be read. One that was replaced
    meanwhile is found under its new name, and the piece is repeated."""

    def __init__(
        self,
        read: ReadSlice[Rows],
        search: Search,
        size: int,
        seconds: Callable[[], float],
        start: ResumePoint | None = None,
        narrowing: IndexPruner | None = None,
    ) -> None:
        self._read = read
        self._search = search
        self.size = size
        self._seconds = seconds
        self._narrowing = narrowing if narrowing and narrowing.helps else None
        self._wanted = FIRST_ROWS
        self._low, high = search.stretch()
        self.place = ResumePoint(high) if start is None else min(start, ResumePoint(high), key=lambda place: place.at)
        self.ended = False

    def __iter__(self) -> Iterator[Slice[Rows]]:
        failed_at, failures = self.place, 0
        while not self.ended:
            try:
                yield from self._down(files_in_range(self._search))
                self.ended = True
            except Superseded:
                failures = failures + 1 if failed_at == self.place else 1
                if failures > REPEATS:
                    raise
                failed_at = self.place

    def _down(self, files: list[ScanFile]) -> Iterator[Slice[Rows]]:
        while files := [file for file in files if file.low <= self.place.at]:
            highest = max(file.high for file in files)
            if highest < self.place.at:
                self.place = ResumePoint(highest)  # there is nothing in between
            if self.place.at < self._low:
                return
            yield from self._piece(files)

    def _piece(self, files: list[ScanFile]) -> Iterator[Slice[Rows]]:
        """One, or none when the indexes say that the whole stretch has no candidate."""
        if self._wanted == FIRST_ROWS and self._picked(files[0]).picked is not None:
            self._wanted = FIRST_NAMED  # hits are few
        low = max(self._low, slice_end(files, self.place.at, self._wanted, self._weight))
        part = [picked for file in files if file.high >= low and not _empty(picked := self._picked(file))]
        if not part:
            self.place = ResumePoint(low - 1)
            return
        with still_listed([file.path for file in part]):
            piece = self._read(self._search, part, low, self.place, self.size, self._seconds())
        if piece.candidates < self.size or piece.last is None:
            self.place = ResumePoint(low - 1)
        else:
            self.place = self._search.place(piece.last)
        self._wanted = next_slice_rows(self._wanted, piece.candidates, self.size)
        yield piece

    def _picked(self, file: ScanFile) -> ScanFile:
        """The file with the rows that are to be read."""
        if self._narrowing is None:
            return file
        return file._replace(picked=self._narrowing.rows(file.path))

    def _weight(self, file: ScanFile) -> int:
        """What reading it costs, in rows of a scan."""
        picked = self._picked(file).picked
        return file.rows if picked is None or self._narrowing is None else self._narrowing.cost(picked)


def _empty(file: ScanFile) -> bool:
    return file.picked is not None and not len(file.picked)


def next_slice_rows(rows: int, candidates: int, size: int) -> int:
    """Of the next piece: what should give three quarters of `size` candidates when so many rows gave so many."""
    wanted = rows * size * 3 // (4 * max(1, candidates))
    return min(MOST_ROWS, max(FIRST_ROWS, rows // GROWTH, min(rows * GROWTH, wanted)))


def slice_end(files: Sequence[ScanFile], high: int, rows: int, weight: Callable[[ScanFile], int]) -> int:
    """The position down to which reading the files costs as much as so many rows from `high` on. Files that begin last
    come first; of one that costs more than is left it is the part in proportion. Any position would be right."""
    read = 0
    for file in files:
        cost, end, length = weight(file), min(file.end, high), file.end - file.begin + 1
        left = cost * max(0, end - file.begin + 1) // length  # of the part from `high` on
        read += cost > 0
        if rows < left or read == MOST_FILES:
            return max(file.low, end - length * min(rows, left) // cost)
        rows -= left
    return min(file.low for file in files)
