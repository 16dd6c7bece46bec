"""Which rows of a file may match a search, by the text indexes. An index only narrows: DuckDB decides."""

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import structlog

from lake.catalog.read_guard import superseded_if_replaced
from lake.models import DataFile, IndexFile
from lake.query.index_terms import index_terms
from lake.query.spec import Search
from lake.scan.label_summaries import LabelPruner
from lake.scan.narrowing import Narrower
from lake.scan.scan_range import ScanFile
from lake.scan.scanner import Scanner
from lake.storage.parquet_options import COMPACTED
from lake.textindex.lookup import TextIndex
from lake.textindex.postings import DocIds
from lake.textindex.segment import IndexDamaged
from lake.textindex.stored_posts import BLOCK_ROWS, StoredPosts
from process.instants import utc

log = structlog.get_logger("search")

# In rows of a scan for text that take as long:
STORED_COST = 40  # a block of stored posts, 66 us: a page scans 20,000 rows in 35 ms
COUNTED_COST = 120  # the same where rows are counted: a scan is faster, as it reads few columns
GROUP_COST = 3500  # a row group that is decoded for some of its rows
GROUP_ROWS = COMPACTED["posts"].group_rows
USELESS = 0.2  # candidates of an index's rows: from here on all are scanned
OPEN = 512  # indexes: 20 KB of directory for an hour, 1.5 MB for a day


class IndexedFile(NamedTuple):
    """A file's rows among the doc ids of its index: from `first` on."""

    index_path: str
    first: int
    rows: int


class IndexPruner:
    """For one search. An index is read when one of its files is reached, and so is what its labels are. `cost`: of
    picked rows, in rows of a scan."""

    def __init__(self, scanner: Scanner, search: Search, cost: Callable[[DocIds], int]) -> None:
        self._scanner, self._root = scanner, scanner.root
        self._labels = LabelPruner(search, scanner)
        self._search = search
        self._cost = cost
        self._narrower = Narrower(search)
        self._files: dict[str, IndexedFile] | None = None
        self._candidates: dict[str, DocIds | None] = {}
        self._unreadable: set[str] = set()
        # Deleted rows are in no index: it can't help a search that shows them.
        self._indexed = search.dataset == "posts" and search.hide
        self._terms = index_terms(search.query) if self._indexed else None

    def pruned(self, file: ScanFile) -> ScanFile:
        """The file with the rows that may match and some that don't; unchanged when a scan is faster."""
        if self._labels.exclude(file):
            return file._replace(picked=np.zeros(0, np.uint32))
        suspected = self._suspected(file)
        return file if suspected.picked is not None and self._cost_of(suspected) > file.rows else suspected

    def cost(self, file: ScanFile) -> int:
        """Of the file, in rows of a scan."""
        return self._cost_of(self.pruned(file))

    def narrowed(self, file: ScanFile, low: int, high: int) -> ScanFile:
        """The same with the rows from the position `high` down to `low` that may match by what the index stores."""
        pruned = self.pruned(file)
        if pruned.picked is None or pruned.empty:
            return pruned
        return self._narrower(pruned, low, high) if pruned.stored else self._between(pruned, low, high)

    def _between(self, file: ScanFile, low: int, high: int) -> ScanFile:
        """With the picked rows from the position `high` down to `low`, and their times, of a search by `seen`."""
        with superseded_if_replaced([file.path]):
            times = self._scanner.times_of(file.path)[file.row_numbers]
        positions = self._search.position(1) * times
        inside = (positions >= low) & (positions <= high)
        return file._replace(picked=file.row_numbers[inside], times_us=times[inside])

    def _cost_of(self, file: ScanFile) -> int:
        if file.picked is None:
            return file.rows
        return self._cost(file.picked) if file.stored or file.empty else export_cost(file.picked)

    def _suspected(self, file: ScanFile) -> ScanFile:
        """By its text and its labels."""
        by_text = self._by_text(file)
        rows = self._labels.rows(file) if by_text.stored or self._worth_reading(file) else None
        if rows is None:
            return file if by_text.picked is None else by_text
        if by_text.picked is None:
            return by_text._replace(picked=rows)
        return by_text._replace(picked=np.intersect1d(by_text.picked, rows, assume_unique=True))

    def _worth_reading(self, file: ScanFile) -> bool:
        """Whether rows may be picked of this file without an index."""
        return file.rows > GROUP_COST and self._search.clock == "seen"

    def _by_text(self, file: ScanFile) -> ScanFile:
        """With what its index stores, where it has one, and the rows that this picks, where it can."""
        if self._terms is None and not (self._indexed and self._labels.demands):
            return file
        if self._files is None:
            self._files = _indexed_files(self._search)
        if (indexed := self._files.get(file.path)) is None:
            return file
        if indexed.index_path not in self._candidates:
            self._candidates[indexed.index_path] = self._read(indexed.index_path)
        candidates = self._candidates[indexed.index_path]
        if indexed.index_path in self._unreadable:
            return file
        file = file._replace(stored=partial(_stored, self._root / indexed.index_path, indexed.first))
        if candidates is None:
            return file
        first, last = candidates.searchsorted([indexed.first, indexed.first + indexed.rows])
        return file._replace(picked=candidates[first:last] - np.uint32(indexed.first))

    def _read(self, path: str) -> DocIds | None:
        try:
            index = open_index(self._root / path)
            return index.candidates(self._terms, USELESS * index.rows)
        except (IndexDamaged, OSError) as error:
            log.warning("index can't be read: its files are scanned", index=path, error=str(error))
            self._unreadable.add(path)
            return None


def page_cost(rows: DocIds) -> int:
    """Of reading these picked rows from the index."""
    return _parts(rows, BLOCK_ROWS) * STORED_COST


def count_cost(rows: DocIds) -> int:
    return _parts(rows, BLOCK_ROWS) * COUNTED_COST


def export_cost(rows: DocIds) -> int:
    """Of reading them from their file."""
    return _parts(rows, GROUP_ROWS) * GROUP_COST


def _parts(rows: DocIds, size: int) -> int:
    """How many parts of so many rows hold these, ascending."""
    return int((np.diff(rows // size) > 0).sum()) + 1 if len(rows) else 0


def _stored(path: Path, first: int, rows: DocIds) -> StoredPosts:
    """Of rows of the file that begins at the doc id `first`."""
    return open_index(path).stored(rows + np.uint32(first))


@lru_cache(OPEN)
def open_index(path: Path) -> TextIndex:
    return TextIndex(path)


def _indexed_files(search: Search) -> dict[str, IndexedFile]:
    """The files that a listed index covers, by path; of an index that has lost a file, those before that one."""
    low, high = (utc(us) for us in search.span())
    indexes = IndexFile.listed.all()
    if search.clock == "seen":
        indexes = indexes.filter(end__gt=low, start__lte=high)
    covered = dict(indexes.values_list("path", "files"))
    rows = dict(DataFile.objects.filter(dataset="posts").values_list("path", "rows"))
    indexed: dict[str, IndexedFile] = {}
    for index, files in covered.items():
        first = 0
        for path in files:
            if path not in rows:
                break
            indexed[path] = IndexedFile(index, first, rows[path])
            first += rows[path]
    return indexed
