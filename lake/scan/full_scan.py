"""Questions about all visible hits of a search, asked of some hours at a time: counts, samples, groups."""

import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import structlog

from lake.catalog.read_guard import REPEATS, listed_throughout, superseded_if_replaced
from lake.errors import LakeUnusable, QueryTimeout, QueryTooLarge, Superseded
from lake.query.spec import ResumePoint, Search
from lake.query.tree import And, conjunction_of
from lake.scan.index_pruning import IndexPruner, count_cost
from lake.scan.scan_range import ScanFile, ScanRange
from lake.scan.scanner import Scanner
from lake.scan.search_sql import SearchSql
from lake.scan.snapshot import files_in_range
from lake.scan.tombstone_cache import TombstoneCache
from lake.scan.visibility import removed_sql, visible_sql

log = structlog.get_logger("search")

FILES_AT_ONCE = 64  # of one query, or all of one hour

_KEPT = ("author", "subject", "since", "until")  # filters of columns that a deleted row keeps
MOST_VALUES = 2_000_000  # that are counted: some 200 bytes each

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


class TooManyValues(QueryTooLarge):
    """The message says what to do."""


class FullScan:
    """Of one lake. All methods raise QueryTimeout after the search's time, QueryTooLarge and LakeUnusable."""

    def __init__(self, scanner: Scanner, tombstones: TombstoneCache) -> None:
        self._scanner = scanner
        self._tombstones = tombstones

    def count(self, search: Search, seconds: float, enough: int | None = None) -> tuple[int, str]:
        """How many hits there are and `eq`, or a lower bound and `gte`: after so many seconds, or when it is `enough`.
        Never raises."""
        total = 0
        if seconds <= 0:
            return total, "gte"
        try:
            for part in self.slices(search, "count(*)", "{sql}", seconds):
                total += sum(rows for (rows,) in part)
                if enough is not None and total >= enough:
                    return total, "gte"
        except (QueryTimeout, QueryTooLarge):
            return total, "gte"
        except LakeUnusable as error:  # a page that needs that file raises it
            log.error("hits can't be counted", error=str(error))  # noqa: TRY400
            return total, "gte"
        return total, "eq"

    def grouped(self, search: Search, value: str, seconds: float, **values: Any) -> dict[Any, int]:
        """Hits by each value of this SQL; of a list, by its unnest(). Raises TooManyValues."""
        groups = f"SELECT value, count(*) FROM ({{sql}}) GROUP BY value LIMIT {MOST_VALUES + 1:d}"
        slices = self.slices(search, f"{value} AS value", groups, seconds, **values)
        return summed(((key, rows) for part in slices for key, rows in part), MOST_VALUES)

    def removed(self, search: Search, seconds: float) -> int | None:
        """How many rows showed at the search's moment in its dates, of its authors and subjects, and have been deleted
        or hidden since: at least as many as its answer lacks, as what they said is not there to be searched. None when
        that can't be counted in time, and by the author's clock, as their times are gone too. Never raises."""
        if search.clock != "seen" or seconds <= 0:
            return None
        kinds = [kind for kind in _KEPT if kind != "subject" or search.of.subject]
        demanded = And(tuple(node for kind in kinds for node in conjunction_of(search.query, kind).nodes))
        try:
            return sum(self._removed(replace(search, query=demanded, hide=True), time.monotonic() + seconds))
        except (QueryTimeout, QueryTooLarge):
            return None
        except LakeUnusable as error:
            log.error("deleted rows can't be counted", error=str(error))  # noqa: TRY400
            return None

    def _removed(self, search: Search, deadline: float) -> Iterator[int]:
        """Without an index: it has no deleted rows."""
        compiled, (low, high) = SearchSql(search), search.positions()

        def read(files: Sequence[ScanFile]) -> int:
            self._tombstones.refresh()
            gone = removed_sql(search, self._scanner)
            scan = ScanRange(tuple(files), low, ResumePoint(high))
            statement = compiled.select("count(*)", scan).where(gone.sql, gone.values)
            with superseded_if_replaced(gone.paths):
                return int(self._scanner.rows(statement, scan, deadline - time.monotonic())[0][0])

        return by_hours(lambda: files_in_range(search), read)

    def slices(
        self, search: Search, columns: str, template: str, seconds: float, **values: Any
    ) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of `template` (with {sql} for the SELECT of these columns), some hours at a time, newest first."""
        deadline = time.monotonic() + seconds
        compiled = SearchSql(search)
        low, high = search.positions()
        pruner = IndexPruner(self._scanner, search, count_cost)

        def narrowed(files: Sequence[ScanFile]) -> Iterator[ScanFile]:
            for file in files:
                if time.monotonic() >= deadline:
                    raise QueryTimeout(f"The query took longer than {seconds:g} s.")
                yield pruner.narrowed(file, low, high)

        def read(files: Sequence[ScanFile]) -> list[tuple[Any, ...]]:
            left = tuple(file for file in narrowed(files) if not file.empty)
            if not left:
                return []
            self._tombstones.refresh()
            scan = ScanRange(left, low, ResumePoint(high))
            visible = visible_sql(search, self._scanner)
            statement = (
                compiled.select(columns, scan, visible.without)
                .where(visible.sql, visible.values)
                .inside(template, values)
            )
            with superseded_if_replaced(visible.paths):
                return self._scanner.rows(statement, scan, deadline - time.monotonic())

        return by_hours(lambda: [file for file in files_in_range(search) if not pruner.pruned(file).empty], read)


def summed(counts: Iterable[tuple[K, int]], most: int) -> dict[K, int]:
    """Raises TooManyValues for more than `most` keys."""
    sums: dict[K, int] = {}
    for key, rows in counts:
        sums[key] = sums.get(key, 0) + rows
        if len(sums) > most:
            raise TooManyValues(f"gives more than {most:,} values: narrow the dates or the search")
    return sums


def by_hours(list_files: Callable[[], Sequence[ScanFile]], read: Callable[[Sequence[ScanFile]], T]) -> Iterator[T]:
    """What `read` makes of the files of some hours at a time. Each hour is read once, whatever compaction does: it
    makes one file of an hour's files, and of no others. Raises what `read` raises, and Superseded in the end."""
    done: set[str] = set()
    failures = 0
    while True:
        try:
            for part in growing([file for file in list_files() if file.folder not in done]):
                with listed_throughout([path for file in part for path in file.read]):
                    result = read(part)
                done.update(file.folder for file in part)
                failures = 0
                yield result
        except Superseded:
            failures += 1
            if failures > REPEATS:
                raise
        else:
            return


def growing(files: Sequence[ScanFile]) -> Iterator[list[ScanFile]]:
    """All files, hour by hour, in parts of at least 1, 2, 4, ... files: the first ones are counted however many there
    are."""
    hours: dict[str, list[ScanFile]] = {}
    for file in files:
        hours.setdefault(file.folder, []).append(file)
    size = 1
    part: list[ScanFile] = []
    for hour in hours.values():
        part += hour
        if len(part) >= size:
            yield part
            size, part = min(FILES_AT_ONCE, size * 2), []
    if part:
        yield part
