"""Rows that an index picked, without those whose stored text can't match."""

import numpy as np
import structlog
from numpy.typing import NDArray

from lake.query.index_terms import lowercase, text_test
from lake.query.spec import FIRST_US, Search
from lake.scan.scan_range import ScanFile
from lake.storage import stored_rows
from lake.textindex.segment import IndexDamaged
from lake.textindex.stored_posts import StoredPosts

log = structlog.get_logger("search")


class Narrower:
    """For one search. Each file is narrowed once."""

    def __init__(self, search: Search) -> None:
        self._test = text_test(search.query)
        self._clock = search.clock
        self._done: dict[str, ScanFile] = {}

    def __call__(self, file: ScanFile) -> ScanFile:
        """The file with the picked rows that are left, and their times; with all rows when the index can't be read."""
        if file.path not in self._done:
            self._done[file.path] = self._narrowed(file)
        return self._done[file.path]

    def _narrowed(self, file: ScanFile) -> ScanFile:
        assert file.stored is not None
        try:
            stored = file.stored(file.row_numbers)
        except IndexDamaged as error:
            log.warning("index can't be read: its files are scanned", file=file.path, error=str(error))
            return file._replace(picked=None)
        times = self._times(stored)
        if self._test is None:
            return file._replace(times_us=times)
        kept = np.fromiter(map(self._may_match, stored.rows), np.bool_, len(times))
        return file._replace(picked=file.row_numbers[kept], times_us=times[kept])

    def _may_match(self, row: bytes) -> bool:
        assert self._test is not None
        return not row or self._test(lowercase(stored_rows.text(row) or ""))

    def _times(self, stored: StoredPosts) -> NDArray[np.int64]:
        if self._clock == "seen":
            return stored.seen_us
        return np.where(stored.created_us == stored_rows.NO_TIME, FIRST_US, stored.created_us)
