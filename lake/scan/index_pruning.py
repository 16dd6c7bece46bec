"""Which rows of a file may match a search, by the text indexes. An index only narrows: DuckDB decides."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import structlog

from lake.models import DataFile, IndexFile
from lake.query.index_terms import index_terms
from lake.query.spec import Search
from lake.scan.scan_range import ScanFile
from lake.storage.parquet_options import COMPACTED
from lake.textindex.lookup import TextIndex
from lake.textindex.postings import DocIds
from lake.textindex.segment import IndexDamaged
from process.instants import utc

log = structlog.get_logger("search")

READ_COST = 3500  # of a row group that is decoded whole for its picked rows: as much as scanning so many rows for text
TIMES_COST = 400  # of the same for its times alone: where only the first rows are needed, the rest is not read
GROUP_ROWS = COMPACTED["posts"].group_rows
MOST_GROUPS = 0.9  # of a file's row groups with a candidate: from here on the file is scanned
USELESS = 0.2  # candidates of an index's rows: from here on all are scanned
OPEN = 512  # indexes: some 20 KB of directory each


class IndexedFile(NamedTuple):
    """A file's rows among the doc ids of its index: from `first` on."""

    index_path: str
    first: int
    rows: int


class IndexPruner:
    """For one search. An index is read when one of its files is reached. `group_cost`: of reading the picked rows of a
    row group, in rows of a scan."""

    def __init__(self, root: Path, search: Search, group_cost: int) -> None:
        self._root = root
        self._search = search
        self._group_cost = group_cost
        self._files: dict[str, IndexedFile] | None = None
        self._candidates: dict[str, DocIds | None] = {}
        # Deleted rows are in no index: it can't help a search that shows them.
        self._terms = index_terms(search.query) if search.dataset == "posts" and search.hide else None

    def pruned(self, file: ScanFile) -> ScanFile:
        """The file with the rows that may match and some that don't; unchanged when all must be scanned."""
        return file._replace(picked=self._rows(file.path)) if self._terms is not None else file

    def cost(self, file: ScanFile) -> int:
        """Of reading it, in rows of a scan."""
        picked = self.pruned(file).picked
        return file.rows if picked is None else _groups(picked) * self._group_cost

    def _rows(self, path: str) -> DocIds | None:
        if self._files is None:
            self._files = _indexed_files(self._search)
        if (file := self._files.get(path)) is None:
            return None
        if file.index_path not in self._candidates:
            self._candidates[file.index_path] = self._read(file.index_path)
        candidates = self._candidates[file.index_path]
        if candidates is None:
            return None
        first, last = candidates.searchsorted([file.first, file.first + file.rows])
        rows = candidates[first:last] - file.first
        return None if _groups(rows) * GROUP_ROWS > MOST_GROUPS * file.rows else rows

    def _read(self, path: str) -> DocIds | None:
        try:
            index = open_index(self._root / path)
            return index.candidates(self._terms, USELESS * index.rows)
        except (IndexDamaged, OSError) as error:
            log.warning("index can't be read: its files are scanned", index=path, error=str(error))
            return None


def _groups(rows: DocIds) -> int:
    """How many row groups hold these rows, ascending, of a compacted file."""
    return int((np.diff(rows // GROUP_ROWS) > 0).sum()) + 1 if len(rows) else 0


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
