"""The first candidates of a scan range in the order of the hits, hidden ones too. Of rows that an index picked, only as
many are read as it takes."""

from collections.abc import Sequence
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from lake.scan.hit import Hit, select_list, to_hit
from lake.scan.scan_range import ScanFile, ScanRange
from lake.scan.scanner import Matches, Scanner
from lake.scan.search_sql import SearchSql, Statement

FEWEST_PICKS = 10  # picked rows that are read at once: two at a time take as long as one


def candidates(scanner: Scanner, compiled: SearchSql, scan: ScanRange, size: int, seconds: float) -> list[Hit]:
    """At most `size`. Raises as Scanner does."""
    deadline = monotonic() + seconds
    whole = _select(scanner, compiled, scan.whole, size, seconds) if scan.whole.files else []
    if not scan.picked.files:
        return whole
    picked = _picked(scanner, compiled, scan.picked, size, deadline)
    return sorted(whole + picked, key=lambda hit: hit.key, reverse=compiled.search.newest)[:size]


def _select(scanner: Scanner, compiled: SearchSql, scan: ScanRange, size: int, seconds: float) -> list[Hit]:
    return [to_hit(compiled.search, row) for row in scanner.rows(_first(compiled, scan, size), scan, seconds)]


def _first(compiled: SearchSql, scan: ScanRange, size: int) -> Statement:
    statement = compiled.select(select_list(compiled.search), scan)
    return statement.inside(f"{{sql}} {compiled.order_by} LIMIT {size:d}")


def _picked(scanner: Scanner, compiled: SearchSql, scan: ScanRange, size: int, deadline: float) -> list[Hit]:
    times = scanner.times(scan, compiled.search.time, deadline - monotonic())
    positions = np.concatenate([compiled.search.position(1) * part for part in times])
    order = _PickedOrder(scan.files, positions, scan.low, scan.high.position)
    matches: list[Matches] = []
    taken, found, more = 0, 0, size
    while order and found < size:
        part = scan._replace(files=order.take(more))
        matches.append(scanner.matches(compiled.select("n", part), part, deadline - monotonic()))
        found += len(matches[-1].table)
        taken += more
        # As many as should do, going by the share of the picked rows that matched so far.
        more = min(4 * taken, max(FEWEST_PICKS, taken * (size - found) // max(1, found)))
    if not found:
        return []
    statement = _first(compiled, scan, size)
    rows = scanner.rows_of_matches(statement, matches, deadline - monotonic())
    return [to_hit(compiled.search, row) for row in rows]


class _PickedOrder:
    """Picked rows from the position `high` down to `low`, to be taken from the highest on."""

    def __init__(self, files: Sequence[ScanFile], positions: NDArray[np.int64], low: int, high: int) -> None:
        """`positions`: of all picked rows of all files."""
        self._files = files
        self._file = np.repeat(np.arange(len(files)), [len(file.row_numbers) for file in files])
        self._row = np.concatenate([file.row_numbers for file in files])
        self._positions = positions
        inside = np.flatnonzero((positions >= low) & (positions <= high))
        self._left = inside[np.argsort(-positions[inside], kind="stable")]

    def __len__(self) -> int:
        return len(self._left)

    def take(self, size: int) -> tuple[ScanFile, ...]:
        """The next `size` rows, and those with the time of the last one: their order is not known yet."""
        if size < len(self._left):
            descending = -self._positions[self._left]
            size = int(np.searchsorted(descending, descending[size - 1], side="right"))
        taken, self._left = self._left[:size], self._left[size:]
        files, rows = self._file[taken], self._row[taken]
        return tuple(self._files[file]._replace(picked=np.sort(rows[files == file])) for file in np.unique(files))
