"""Rows that an index picked, without those whose stored text can't match."""

from dataclasses import dataclass, field

import numpy as np
import structlog
from numpy.typing import NDArray

from lake.query.index_terms import lowercase, text_test
from lake.query.spec import FIRST_US, LAST_US, Search
from lake.scan.scan_range import ScanFile
from lake.storage import stored_rows
from lake.textindex.postings import DocIds
from lake.textindex.segment import IndexDamaged
from lake.textindex.stored_posts import StoredPosts

log = structlog.get_logger("search")

AT_ONCE = 128  # picked rows: some 8 ms
Times = NDArray[np.int64]


@dataclass
class _Read:
    """What of a file has been read: the picked rows that may match and their times, and how many are still to be read,
    further down."""

    left: DocIds
    rows: DocIds = field(default_factory=lambda: np.zeros(0, np.uint32))
    times: Times = field(default_factory=lambda: np.zeros(0, np.int64))
    reached: int = LAST_US  # position of the last row that was read


class Narrower:
    """For one search. Each row is read once; of a file that is sorted by `seen` only when a range reaches it."""

    def __init__(self, search: Search) -> None:
        self._test = text_test(search.query)
        self._search = search
        self._files: dict[str, _Read] = {}

    def __call__(self, file: ScanFile, low: int, high: int) -> ScanFile:
        """The file with those picked rows from the position `high` down to `low` that may match, and their times; with
        all rows when the index can't be read."""
        read = self._files.setdefault(file.path, _Read(file.row_numbers))
        try:
            while len(read.left) and read.reached >= low:
                self._read_on(file, read)
        except IndexDamaged as error:
            log.warning("index can't be read: its files are scanned", file=file.path, error=str(error))
            return file._replace(picked=None)
        positions = self._search.position(1) * read.times
        inside = (positions >= low) & (positions <= high)
        return file._replace(picked=read.rows[inside], times_us=read.times[inside])

    def _read_on(self, file: ScanFile, read: _Read) -> None:
        assert file.stored is not None
        part, left = self._next(read.left, file.in_order)
        stored = file.stored(part)
        times = self._times(stored)
        kept = np.fromiter(map(self._may_match, stored.rows), np.bool_, len(part))
        both = [(part[kept], times[kept]), (read.rows, read.times)]
        (rows, own), (others, their) = both if self._search.newest else reversed(both)
        read.rows, read.times, read.left = np.concatenate([rows, others]), np.concatenate([own, their]), left
        read.reached = int((self._search.position(1) * times).min())

    def _next(self, left: DocIds, in_order: bool) -> tuple[DocIds, DocIds]:
        if self._search.clock != "seen" or not in_order:
            return left, left[:0]
        return (left[-AT_ONCE:], left[:-AT_ONCE]) if self._search.newest else (left[:AT_ONCE], left[AT_ONCE:])

    def _may_match(self, row: bytes) -> bool:
        return self._test is None or not row or self._test(lowercase(stored_rows.text(row) or ""))

    def _times(self, stored: StoredPosts) -> Times:
        if self._search.clock == "seen":
            return stored.seen_us
        return np.where(stored.created_us == stored_rows.NO_TIME, FIRST_US, stored.created_us)
