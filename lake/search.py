"""Finds posts: the catalog gives the files of the time range, newest first; slices of them grow until the page is full
and no unread file can hold a newer hit. What must not show is taken out of every slice before it counts."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from lake import catalog
from lake.engine import Engine
from lake.errors import QueryTimeout
from lake.models import DataFile
from lake.query import Query
from lake.schema import DATASETS

COLLECTION = "app.bsky.feed.post"
LARGEST_SLICE = 64  # files
CANDIDATES = 1000  # rows a query asks for at the most
COUNT_SECONDS = 0.5
COUNT_PART = 10_000  # keys looked up in the catalog at once


@dataclass(frozen=True)
class Search:
    """Posts whose text has all words, seen in [start, end), newest first. `timeout`: seconds for the whole of it."""

    query: Query
    start: datetime | None = None
    end: datetime | None = None
    offset: int = 0
    limit: int = 50
    timeout: float = 30.0


class Hit(NamedTuple):
    """One row of the answer. Times are ISO 8601 in UTC with six digits; `timestamp` is None when the author's
    createdAt is no date."""

    seen_at: str
    did: str
    rkey: str
    rev: str
    timestamp: str | None
    cid: str | None
    text: str | None
    langs: list[str] | None
    reply_root: str | None
    reply_parent: str | None
    quote: str | None
    links: list[str] | None
    hashtags: list[str] | None
    mentions: list[str] | None
    media: list[str] | None

    @property
    def uri(self) -> str:
        return f"at://{self.did}/{COLLECTION}/{self.rkey}"

    @property
    def order(self) -> tuple[str, str, str]:
        """The total order of hits: ISO times of one form sort as text."""
        return self.seen_at, self.did, self.rkey


class Page(NamedTuple):
    """Hits and what is known of the rest. `searched_to`: None, or the time down to which a walk that ran out of time
    has come."""

    hits: list[Hit]
    hidden: int
    total: int
    total_relation: str
    complete: bool
    searched_to: str | None


_SELECT = """
    strftime(seen, '%Y-%m-%dT%H:%M:%S.%fZ'), did, rkey, rev, strftime(created_at, '%Y-%m-%dT%H:%M:%S.%fZ'), cid, text,
    langs, reply_root_uri, reply_parent_uri, quote_uri, links, hashtags, mentions, media
"""


class Reader:
    """Searches one lake. One per process: it holds the DuckDB database."""

    def __init__(self, engine: Engine, root: Path) -> None:
        self._engine = engine
        self._root = root

    def ping(self) -> None:
        """Raises what keeps the engine from answering."""
        self._engine.rows("SELECT 1")

    def find(self, search: Search) -> Page:
        """One page. Raises QueryTooLarge or, when not even the newest files could be read in time, QueryTimeout."""
        deadline = time.monotonic() + search.timeout
        wanted = search.offset + search.limit
        found: list[Hit] = []
        hidden = 0
        searched_to: str | None = None
        files = self._files(search)
        for part, newest_unread in slices(files):
            try:
                visible, gone = self._newest(search, part, wanted, deadline)
            except QueryTimeout:
                if part[0] == files[0]:
                    raise
                searched_to = f"{part[0].max_seen:%Y-%m-%dT%H:%M:%S.%fZ}"
                break
            hidden += gone
            found = sorted([*found, *visible], key=lambda hit: hit.order, reverse=True)[:wanted]
            if enough(found, wanted, newest_unread):
                break
        if searched_to is not None:
            found = [hit for hit in found if hit.seen_at > searched_to]
        total, relation = self._count(search, files, deadline)
        return Page(found[search.offset :], hidden, max(total, len(found)), relation, searched_to is None, searched_to)

    def walk(self, search: Search) -> Iterator[list[Hit]]:
        """All visible hits, newest first, in lists; constant memory. Raises as find() does."""
        deadline = time.monotonic() + search.timeout
        files = self._files(search)
        for part in disjoint(files):
            for rows in self._stream(search, part, "ORDER BY seen DESC, did DESC, rkey DESC", deadline, _SELECT):
                hits = [Hit(*row) for row in rows]
                gone = catalog.hidden([(hit.did, hit.rkey, hit.rev) for hit in hits], COLLECTION)
                yield [hit for hit in hits if (hit.did, hit.rkey, hit.rev) not in gone]

    def _files(self, search: Search) -> list[DataFile]:
        files = catalog.listed(DATASETS["posts"].name)
        if search.start:
            files = files.filter(max_seen__gte=search.start)
        if search.end:
            files = files.filter(min_seen__lt=search.end)
        return list(files.order_by("-max_seen", "path"))

    def _newest(self, search: Search, part: Sequence[DataFile], wanted: int, deadline: float) -> tuple[list[Hit], int]:
        """The newest visible hits of these files, as many as wanted, and how many were hidden on the way."""
        visible: list[Hit] = []
        hidden = 0
        offset = 0
        while True:
            size = min(CANDIDATES, wanted - len(visible) + 10)
            tail = f"ORDER BY seen DESC, did DESC, rkey DESC LIMIT {size} OFFSET {offset}"
            hits = [Hit(*row) for rows in self._stream(search, part, tail, deadline, _SELECT) for row in rows]
            gone = catalog.hidden([(hit.did, hit.rkey, hit.rev) for hit in hits], COLLECTION)
            visible += [hit for hit in hits if (hit.did, hit.rkey, hit.rev) not in gone]
            hidden += len(gone)
            offset += len(hits)
            if len(hits) < size or len(visible) >= wanted:
                return visible[:wanted], hidden

    def _count(self, search: Search, files: Sequence[DataFile], deadline: float) -> tuple[int, str]:
        """Visible hits: all of them where COUNT_SECONDS suffice, else those counted until then."""
        deadline = min(deadline, time.monotonic() + COUNT_SECONDS)
        total = 0
        try:
            for part, _ in slices(files):
                for keys in self._stream(search, part, "", deadline, "did, rkey, rev", COUNT_PART):
                    total += len(keys) - len(catalog.hidden(keys, COLLECTION))
                    if time.monotonic() > deadline:
                        return total, "gte"
        except QueryTimeout:
            return total, "gte"
        return total, "eq"

    def _stream(
        self, search: Search, part: Sequence[DataFile], tail: str, deadline: float, columns: str, size: int = 2000
    ) -> Iterator[list[Any]]:
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            raise QueryTimeout(f"The query took longer than {search.timeout:g} s.")
        condition, values = search.query.condition()
        values["files"] = [str(self._root / file.path) for file in part]
        for name, sign, moment in (("start", ">=", search.start), ("end", "<", search.end)):
            if moment:
                condition += f" AND seen {sign} make_timestamp(${name})"
                values[name] = round(moment.timestamp() * 1_000_000)
        sql = f"SELECT {columns} FROM read_parquet($files, hive_partitioning = false) WHERE {condition} {tail}"  # noqa: S608
        yield from self._engine.stream(sql, values, seconds, size)


def slices(files: Sequence[DataFile]) -> Iterator[tuple[Sequence[DataFile], datetime | None]]:
    """Files in slices of 1, 2, 4, ... and, with each, the newest seen of those after it."""
    start, size = 0, 1
    while start < len(files):
        end = start + size
        yield files[start:end], files[end].max_seen if end < len(files) else None
        start, size = end, min(LARGEST_SLICE, size * 2)


def disjoint(files: Sequence[DataFile]) -> Iterator[Sequence[DataFile]]:
    """Files, newest first, in the smallest groups whose times do not overlap: each group's hits follow the last one's."""
    group: list[DataFile] = []
    for file in files:
        if group and file.max_seen < min(other.min_seen for other in group):
            yield group
            group = []
        group.append(file)
    if group:
        yield group


def enough(found: Sequence[Hit], wanted: int, newest_unread: datetime | None) -> bool:
    """Whether no file that is still unread can change the first `wanted` hits."""
    if newest_unread is None:
        return True
    return len(found) >= wanted and found[wanted - 1].seen_at > f"{newest_unread:%Y-%m-%dT%H:%M:%S.%fZ}"
