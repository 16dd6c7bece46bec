"""Which rows of a file may match a search, as the text indexes say. They only narrow: where none helps, all may."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import structlog

from lake.models import DataFile, IndexFile
from lake.query.index_terms import index_terms
from lake.query.spec import Search
from lake.storage.parquet_options import COMPACTED
from lake.textindex.lookup import TextIndex
from lake.textindex.postings import DocIds
from lake.textindex.segment import IndexDamaged
from process.instants import utc

log = structlog.get_logger("search")

READ_COST = 3500  # reading rows by their number decodes each row group whole: as much as scanning so many for a text
TIMES_COST = 400  # the same of their times alone: where only the first ones are wanted, the rest is not read
GROUP_ROWS = COMPACTED["posts"].group_rows
MOST_GROUPS = 0.9  # of a file's row groups with a candidate: from here on the file is scanned
USELESS = 0.2  # candidates of an index's rows: from here on all are scanned
OPEN = 512  # indexes: some 20 KB of directory each


class IndexedFile(NamedTuple):
    """A file's rows among those of its index: from `first` on."""

    of: str
    first: int
    rows: int


class IndexPruner:
    """For one search. Indexes are asked when one of their files is reached."""

    def __init__(self, root: Path, search: Search, cost: int) -> None:
        """`cost`: of reading what is asked of one row group, in rows of a scan."""
        self._root = root
        self._search = search
        self._cost = cost
        self._parts: dict[str, IndexedFile] | None = None
        self._found: dict[str, DocIds | None] = {}
        # An index has no rows that are deleted, so it can't help who wants to see them.
        self.helps = search.dataset == "posts" and search.hide and index_terms(search.query) is not None

    def rows(self, path: str) -> DocIds | None:
        """Row numbers in the file, ascending, of all that match and some that don't. None: any may match."""
        if self._parts is None:
            self._parts = _indexed_files(self._search)
        if (part := self._parts.get(path)) is None:
            return None
        if part.of not in self._found:
            self._found[part.of] = self._candidates(part.of)
        found = self._found[part.of]
        if found is None:
            return None
        first, last = found.searchsorted([part.first, part.first + part.rows])
        rows = found[first:last] - part.first
        return None if _groups(rows) * GROUP_ROWS > MOST_GROUPS * part.rows else rows

    def cost(self, rows: DocIds) -> int:
        """In rows of a scan."""
        return _groups(rows) * self._cost

    def _candidates(self, path: str) -> DocIds | None:
        try:
            index = open_index(self._root / path)
            return index.candidates(self._search.query, USELESS * index.rows)
        except (IndexDamaged, OSError) as error:
            log.warning("index can't be read: its files are scanned", index=path, error=str(error))
            return None


def _groups(rows: DocIds) -> int:
    """How many row groups hold these rows, ascending, of a compacted file."""
    return int((np.diff(rows // GROUP_ROWS) > 0).sum()) + 1 if len(rows) else 0


@lru_cache(OPEN)
def open_index(path: Path) -> TextIndex:
    return TextIndex.open(path)


def _indexed_files(search: Search) -> dict[str, IndexedFile]:
    """By path, the files that a listed index covers. Of an index that has lost a file it is those before that
    one."""
    low, high = (utc(us) for us in search.span())
    indexes = IndexFile.objects.filter(superseded_at=None)
    if search.clock == "seen":
        indexes = indexes.filter(end__gt=low, start__lte=high)
    covered = dict(indexes.values_list("path", "files"))
    rows = dict(DataFile.objects.filter(dataset="posts").values_list("path", "rows"))
    parts: dict[str, IndexedFile] = {}
    for index, files in covered.items():
        first = 0
        for path in files:
            if path not in rows:
                break
            parts[path] = IndexedFile(index, first, rows[path])
            first += rows[path]
    return parts
