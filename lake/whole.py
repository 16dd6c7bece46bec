"""Questions about all visible hits of a search, put to some files at a time: counts, samples, timelines."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import structlog

from lake import hits
from lake.asked import Place, Search
from lake.errors import LakeUnusable, QueryTimeout, QueryTooLarge
from lake.graves import Graves, visible
from lake.hits import Hit
from lake.narrowing import READ_COST
from lake.source import File, Source, files_of

log = structlog.get_logger("search")

FILES_AT_ONCE = 64  # of one query

Answer = TypeVar("Answer")


class Whole:
    """Of one lake. All methods raise QueryTimeout after the search's time, QueryTooLarge and LakeUnusable."""

    def __init__(self, source: Source, graves: Graves) -> None:
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
            log.error("a listed file can't be counted", error=str(error))  # noqa: TRY400
            return total, "gte"
        return total, "eq"

    def sample(self, search: Search, size: int, seed: str) -> list[Hit]:
        """A random sample that everybody can draw again: the hits with the smallest md5 of seed and URI, in that order.
        A delete takes out its own row only."""
        columns = f"md5(concat($seed, {hits.uri(search.of)})) AS hash, {hits.select(search)}"
        smallest = f"{{sql}} ORDER BY hash, rev LIMIT {size:d}"
        parts = again(lambda: list(self.parts(search, columns, smallest, search.timeout, seed=seed)))
        rows = sorted((row for part in parts for row in part), key=lambda row: (row[0], row[5]))[:size]
        return [hits.hit(search, row[1:]) for row in rows]

    def grouped(self, search: Search, column: str, seconds: float) -> dict[Any, int]:
        """Hits by each value of the column, which is SQL; a list of values by unnest()."""
        counted = "SELECT value, count(*) FROM ({sql}) GROUP BY value"

        def once() -> dict[Any, int]:
            found: dict[Any, int] = {}
            for part in self.parts(search, f"{column} AS value", counted, seconds):
                for value, rows in part:
                    found[value] = found.get(value, 0) + rows
            return found

        return again(once)

    def parts(
        self, search: Search, columns: str, around: str, seconds: float, **more: Any
    ) -> Iterator[list[tuple[Any, ...]]]:
        """What `around` (with {sql} for the SELECT of these columns) gives, some files at a time, newest first."""
        deadline = time.monotonic() + seconds
        low, high = search.stretch()
        files = self._narrowed(search)
        self._graves.refresh()
        shown, dead = visible(search, self._source)
        for part in growing(files):
            sql, values = self._source.select(search, columns, part, low, Place(high))
            yield self._source.rows(
                around.format(sql=f"{sql} AND {shown}"), values | dead | more, part, deadline - time.monotonic()
            )

    def _narrowed(self, search: Search) -> list[File]:
        """The files that may hold a hit, with the rows of each that may be one."""
        useful = self._source.narrowing(search, READ_COST)
        if not useful.helps:
            return files_of(search)
        picked = (file._replace(picked=useful.rows(file.path)) for file in files_of(search))
        return [file for file in picked if file.picked is None or len(file.picked)]


def again(work: Callable[[], Answer]) -> Answer:
    """Once more when a file could not be read: it may have been replaced meanwhile, and the catalog knows by which."""
    try:
        return work()
    except LakeUnusable:
        return work()


def growing(files: Sequence[File]) -> Iterator[Sequence[File]]:
    """Files by 1, 2, 4, ... so that the first ones are counted however many there are."""
    start, size = 0, 1
    while start < len(files):
        yield files[start : start + size]
        start, size = start + size, min(FILES_AT_ONCE, size * 2)
