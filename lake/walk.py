"""Down through time: piece by piece, newest first, each read whole before it is handed out.

A piece is a stretch of time, chosen from the catalog so that its files hold some number of rows. While hits are rare
the pieces grow, and when a piece is full the next ones shrink: a common word reads the newest rows only, a rare one
needs few queries, and the memory of both is bounded.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import structlog

from lake import catalog
from lake.errors import LakeUnusable
from lake.hits import COLLECTION, File, Hit, Place, Source, files_of, span
from lake.query import Search
from lake.visibility import hidden

log = structlog.get_logger("search")

FIRST_ROWS = 20_000  # of the first piece: less than a row group
MOST_ROWS = 5_000_000  # a second or two: what a walk that reaches its time limit loses
MOST_FILES = 64  # of a piece: each costs some milliseconds however small it is
GROWTH = 4


class Superseded(LakeUnusable):
    """A file was replaced while it was read. What its rows said of deletions may have gone from the catalog with it."""


class Piece(NamedTuple):
    """The visible hits of a stretch of time, and how many more were hidden."""

    hits: list[Hit]
    hidden: int


class Walk:
    """One search on its way down: iterate over its pieces. `size`: the most candidates of a piece. `seconds`: asked
    before each query for its time limit. `place` is below everything that was handed out; `ended` when nothing is left.

    Raises QueryTimeout and QueryTooLarge, and LakeUnusable when a file can't be read also after the catalog was asked
    again: a file that was replaced meanwhile is found under its new name, and the piece is repeated."""

    def __init__(self, source: Source, search: Search, size: int, seconds: Callable[[], float]) -> None:
        self._source = source
        self._search = search
        self._size = size
        self._seconds = seconds
        self._rows = FIRST_ROWS
        self._low, high = span(search)
        self.place = Place(high)
        self.ended = False

    def __iter__(self) -> Iterator[Piece]:
        failed_at: Place | None = None
        while not self.ended:
            try:
                yield from self._down(files_of(self._search))
                self.ended = True
            except LakeUnusable as error:
                repeated = failed_at == self.place
                if repeated or not isinstance(error, Superseded):
                    log.error("a listed file can't be read", error=str(error), asked_again=repeated)  # noqa: TRY400
                if repeated:
                    raise
                failed_at = self.place

    def _down(self, files: list[File]) -> Iterator[Piece]:
        while files := [file for file in files if file.min_us <= self.place.us]:
            newest = max(file.max_us for file in files)
            if newest < self.place.us:
                self.place = Place(newest)  # nothing was seen in between
            if self.place.us < self._low:
                return
            yield self._piece(files)

    def _piece(self, files: list[File]) -> Piece:
        low = max(self._low, cut(files, self.place.us, self._rows))
        part = [file for file in files if file.max_us >= low]
        found = self._source.newest(self._search, part, low, self.place, self._size, self._seconds())
        gone = hidden([hit.key for hit in found], COLLECTION)
        # Only now: a file and the tombstones that it makes needless go in one transaction.
        if not catalog.all_listed([file.path for file in part]):
            raise Superseded("A file was replaced while it was read.")
        if len(found) < self._size:
            self.place = Place(low - 1)
            self._rows = min(MOST_ROWS, self._rows * GROWTH)
        else:
            self.place = Place(found[-1].seen_us, found[-1].key)
            self._rows = max(2 * self._size, self._rows // 2)
        return Piece([hit for hit in found if hit.key not in gone], len(gone))


def cut(files: Sequence[File], high: int, rows: int) -> int:
    """The time down to which the files hold about so many rows seen until `high`. Files that begin last come first;
    of one that holds more rows than are left to take it is the part in proportion. Any time would be right."""
    for number, file in enumerate(files, 1):
        if rows < file.rows or number == MOST_FILES:
            newest = min(file.max_us, high)
            return newest - (newest - file.min_us) * min(rows, file.rows) // file.rows
        rows -= file.rows
    return files[-1].min_us
