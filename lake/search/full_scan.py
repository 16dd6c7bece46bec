"""Questions about all visible hits of a search, put to some files at a time: counts, samples, timelines."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import structlog

from lake.catalog.read_guard import REPEATS, still_listed, unless_replaced
from lake.errors import LakeUnusable, QueryTimeout, QueryTooLarge, Superseded
from lake.query.spec import ResumePoint, Search
from lake.search import hit
from lake.search.hit import Hit
from lake.search.index_pruning import READ_COST
from lake.search.scan import Scanner
from lake.search.snapshot import ScanFile, files_in_range
from lake.search.tombstone_cache import TombstoneCache, visible

log = structlog.get_logger("search")

FILES_AT_ONCE = 64  # of one query, or all of one hour

T = TypeVar("T")


class FullScan:
    """Of one lake. All methods raise QueryTimeout after the search's time, QueryTooLarge and LakeUnusable."""

    def __init__(self, source: Scanner, graves: TombstoneCache) -> None:
        self._source = source
        self._graves = graves

    def count(self, search: Search, seconds: float) -> tuple[int, str]:
        """How many hits there are and `eq`, or a lower bound and `gte` after so many seconds. Never raises."""
        total = 0
        try:
            for ((rows,),) in self.parts(search, "count(*)", "{sql}", seconds):
                total += rows
        except (QueryTimeout, QueryTooLarge):
            return total, "gte"
        except LakeUnusable as error:  # the page itself is right: whoever needs that file will see the error
            log.error("hits can't be counted", error=str(error))  # noqa: TRY400
            return total, "gte"
        return total, "eq"

    def sample(self, search: Search, size: int, seed: str) -> list[Hit]:
        """A random sample that everybody can draw again: the hits with the smallest md5 of seed and URI, in that order.
        A delete takes out its own row only."""
        columns = f"md5(concat($seed, {hit.uri_sql(search.of)})) AS hash, {hit.select_list(search)}"
        smallest = f"{{sql}} ORDER BY hash, rev LIMIT {size:d}"
        parts = self.parts(search, columns, smallest, search.timeout, seed=seed)
        rows = sorted((row for part in parts for row in part), key=lambda row: (row[0], row[5]))[:size]
        return [hit.to_hit(search, row[1:]) for row in rows]

    def grouped(self, search: Search, column: str, seconds: float) -> dict[Any, int]:
        """Hits by each value of the column, which is SQL; a list of values by unnest()."""
        counted = "SELECT value, count(*) FROM ({sql}) GROUP BY value"
        found: dict[Any, int] = {}
        for part in self.parts(search, f"{column} AS value", counted, seconds):
            for value, rows in part:
                found[value] = found.get(value, 0) + rows
        return found

    def parts(
        self, search: Search, columns: str, around: str, seconds: float, **more: Any
    ) -> Iterator[list[tuple[Any, ...]]]:
        """What `around` (with {sql} for the SELECT of these columns) gives, some hours at a time, newest first."""
        deadline = time.monotonic() + seconds
        low, high = search.stretch()

        def read(files: list[ScanFile]) -> list[tuple[Any, ...]]:
            self._graves.refresh()
            shown = visible(search, self._source)
            sql, values = self._source.select(search, columns, files, low, ResumePoint(high))
            sql = around.format(sql=f"{sql} AND {shown.sql}")
            with unless_replaced(shown.paths):
                return self._source.rows(sql, values | shown.values | more, files, deadline - time.monotonic())

        return by_hours(lambda: self._narrowed(search), read)

    def _narrowed(self, search: Search) -> list[ScanFile]:
        """The files that may hold a hit, with the rows of each that may be one."""
        useful = self._source.narrowing(search, READ_COST)
        if not useful.helps:
            return files_in_range(search)
        picked = (file._replace(picked=useful.rows(file.path)) for file in files_in_range(search))
        return [file for file in picked if file.picked is None or len(file.picked)]


def by_hours(list_files: Callable[[], Sequence[ScanFile]], read: Callable[[list[ScanFile]], T]) -> Iterator[T]:
    """What `read` makes of the files of some hours at a time. Each hour is read once, whatever compaction does:
    it makes one file of an hour's files, and of no others. Raises what `read` raises, and Superseded in the end."""
    done: set[str] = set()
    failures = 0
    while True:
        try:
            for part in growing([file for file in list_files() if file.folder not in done]):
                with still_listed([file.path for file in part]):
                    found = read(part)
                done.update(file.folder for file in part)
                failures = 0
                yield found
        except Superseded:
            failures += 1
            if failures > REPEATS:
                raise
        else:
            return


def growing(files: Sequence[ScanFile]) -> Iterator[list[ScanFile]]:
    """All files of some hours, at least 1, 2, 4, ... so that the first ones are counted however many there are."""
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
