"""The first candidates of a scan range in the order of the hits, hidden ones too. Of rows that an index picked, only as
many are read as it takes."""

from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import numpy as np

from lake.query.spec import Search
from lake.scan.hit import Hit, select_list, to_hit
from lake.scan.scan_range import ScanFile, ScanRange
from lake.scan.scanner import Matches, Scanner, columns_of
from lake.scan.search_sql import SearchSql, Statement

FEWEST_PICKS = 10  # picked rows that are read at once: two at a time take as long as one
# Columns of conditions that picked rows hardly ever fail: of the terms, which the index has checked, of the author, of
# the range and of where a page begins.
CHECKED = {"text", "did", "rkey", "rev", "seen", "created_at"}


class Candidates:
    """Of one search. All methods raise as Scanner does."""

    def __init__(self, scanner: Scanner, compiled: SearchSql) -> None:
        self._scanner, self._compiled = scanner, compiled

    def read(self, scan: ScanRange, size: int, seconds: float) -> list[Hit]:
        """At most `size` of the range."""
        deadline = monotonic() + seconds
        rows = self._scanner.rows(self._first(scan.whole, size), scan.whole, seconds) if scan.whole.files else []
        rows += self._picked(_PickedOrder(self._compiled.search, scan), scan, size, deadline)
        hits = [to_hit(self._compiled.search, row) for row in rows]
        return sorted(hits, key=lambda hit: hit.key, reverse=self._compiled.search.newest)[:size]

    def _picked(self, order: "_PickedOrder", scan: ScanRange, size: int, deadline: float) -> list[tuple[Any, ...]]:
        """All columns at once where nearly all rows will match; else first those of the condition."""
        few_fail = set(columns_of(self._compiled.select("n", scan))) <= CHECKED
        if few_fail and not self._compiled.search.reads_labels:
            return self._at_once(order, scan, size, deadline)
        return self._in_two_steps(order, scan, size, deadline)

    def _at_once(self, order: "_PickedOrder", scan: ScanRange, size: int, deadline: float) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        for part in order.parts(size, rows.__len__):
            taken = scan._replace(files=part)
            rows += self._scanner.rows(self._first(taken, size), taken, deadline - monotonic())
        return rows

    def _in_two_steps(
        self, order: "_PickedOrder", scan: ScanRange, size: int, deadline: float
    ) -> list[tuple[Any, ...]]:
        matches: list[Matches] = []
        for part in order.parts(size, lambda: sum(len(match.table) for match in matches)):
            taken = scan._replace(files=part)
            condition = self._compiled.select("n", taken)
            matches.append(self._scanner.matches(condition, taken, deadline - monotonic()))
        if not any(len(match.table) for match in matches):
            return []
        matched = self._compiled.matched(select_list(self._compiled.search))
        return self._scanner.rows_of_matches(self._limited(matched, size), matches, deadline - monotonic())

    def _first(self, scan: ScanRange, size: int) -> Statement:
        return self._limited(self._compiled.select(select_list(self._compiled.search), scan), size)

    def _limited(self, statement: Statement, size: int) -> Statement:
        return statement.inside(f"{{sql}} {self._compiled.order_by} LIMIT {size:d}")


class _PickedOrder:
    """Picked rows within a range, to be taken from the highest position on."""

    def __init__(self, search: Search, scan: ScanRange) -> None:
        self._files = scan.picked.files
        self._file = np.repeat(np.arange(len(self._files)), [len(file.row_numbers) for file in self._files])
        self._row = np.concatenate([np.zeros(0, np.uint32), *(file.row_numbers for file in self._files)])
        times = [file.times_us for file in self._files if file.times_us is not None]
        self._positions = search.position(1) * np.concatenate([np.zeros(0, np.int64), *times])
        inside = np.flatnonzero((self._positions >= scan.low) & (self._positions <= scan.high.position))
        self._left = inside[np.argsort(-self._positions[inside], kind="stable")]

    def parts(self, size: int, found: Callable[[], int]) -> Iterator[tuple[ScanFile, ...]]:
        """Until `found` says that `size` rows match: as many rows as should do, going by the share that matched so
        far."""
        taken, more = 0, size
        while len(self._left) and found() < size:
            yield self._take(more)
            taken += more
            more = min(4 * taken, max(FEWEST_PICKS, taken * (size - found()) // max(1, found())))

    def _take(self, size: int) -> tuple[ScanFile, ...]:
        """The next `size` rows, and those with the time of the last one: their order is not known yet."""
        if size < len(self._left):
            descending = -self._positions[self._left]
            size = int(np.searchsorted(descending, descending[size - 1], side="right"))
        taken, self._left = self._left[:size], self._left[size:]
        files, rows = self._file[taken], self._row[taken]
        return tuple(self._files[file]._replace(picked=np.sort(rows[files == file])) for file in np.unique(files))
