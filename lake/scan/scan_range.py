"""What one query reads: files, or some rows of them, between two positions in the order of the hits. Pure."""

from collections.abc import Callable
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from lake.query.spec import ResumePoint
from lake.storage import layout
from lake.textindex.postings import DocIds
from lake.textindex.stored_posts import StoredPosts


class ScanFile(NamedTuple):
    """A listed file. `low`, `high`: the lowest and highest position of its rows; most of them lie between `begin` and
    `end`."""

    path: str
    rows: int
    low: int
    high: int
    begin: int
    end: int
    late: bool = False  # whether it has late rows
    picked: DocIds | None = None  # row numbers in the file, ascending; None: all rows
    stored: Callable[[DocIds], StoredPosts] | None = None  # reads what the index that picked them stores of rows
    times_us: NDArray[np.int64] | None = None  # of the picked rows, by the search's clock, once their texts are checked
    labels: tuple[str, ...] = ()  # paths of the label files of its hour, for a search that reads labels

    @property
    def folder(self) -> str:
        """The partition's: of its dataset and hour."""
        return self.path.rpartition("/")[0]

    @property
    def in_order(self) -> bool:
        """Whether its rows are sorted by `seen`. Flushed files have them as they came."""
        return layout.is_compacted_file(self.path.rpartition("/")[2])

    @property
    def read(self) -> tuple[str, ...]:
        """Paths of the files that reading its rows takes."""
        return self.path, *self.labels

    @property
    def row_numbers(self) -> DocIds:
        assert self.picked is not None
        return self.picked

    @property
    def empty(self) -> bool:
        """An index says that no row can match."""
        return self.picked is not None and not len(self.picked)


class ScanRange(NamedTuple):
    """Rows of these files from the resume point `high` down to the position `low`."""

    files: tuple[ScanFile, ...]
    low: int
    high: ResumePoint

    @property
    def paths(self) -> list[str]:
        return [file.path for file in self.files]

    @property
    def labels(self) -> tuple[str, ...]:
        """Paths of the label files of these hours."""
        return tuple(dict.fromkeys(path for file in self.files for path in file.labels))

    @property
    def read(self) -> list[str]:
        """Paths of all files that reading the rows takes."""
        return [*self.paths, *self.labels]

    @property
    def late(self) -> bool:
        """Whether one of the files has late rows."""
        return any(file.late for file in self.files)

    @property
    def whole(self) -> Self:
        """Without the files of which an index picked rows."""
        return self._replace(files=tuple(file for file in self.files if file.picked is None))

    @property
    def picked(self) -> Self:
        """Those files only."""
        return self._replace(files=tuple(file for file in self.files if file.picked is not None))
