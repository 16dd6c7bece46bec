"""Hits and how they are read: one SELECT over some files. Values never enter its text."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from lake.catalog import listed, utc
from lake.engine import Engine, Unreadable
from lake.errors import LakeUnusable, QueryTimeout
from lake.query import Search
from lake.schema import DATASETS

COLLECTION = "app.bsky.feed.post"
FIRST_US, LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999  # the years 1 to 9999
_EPOCH = utc(0)

Key = tuple[str, str, str]  # did, rkey, rev: one version of a post


class Hit(NamedTuple):
    """One row of the answer. Times are microseconds since 1970, UTC; `created_us` is None when the author's createdAt
    is no date."""

    seen_us: int
    did: str
    rkey: str
    rev: str
    created_us: int | None
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
    def key(self) -> Key:
        return self.did, self.rkey, self.rev

    @property
    def seen_at(self) -> str:
        return iso(self.seen_us)

    @property
    def timestamp(self) -> str | None:
        return None if self.created_us is None else iso(self.created_us)


_COLUMNS = """epoch_us(seen), did, rkey, rev, epoch_us(created_at), cid, text, langs, reply_root_uri, reply_parent_uri,
    quote_uri, links, hashtags, mentions, media"""
_KEY_COLUMNS = "did, rkey, rev"


class File(NamedTuple):
    """What the catalog says of a file. Times in microseconds."""

    path: str
    rows: int
    min_us: int
    max_us: int


class Place(NamedTuple):
    """How far a walk down through time has come: what was seen until `us` is still to be read, and of that very
    microsecond, if there is an `after`, only the versions below it."""

    us: int
    after: Key | None = None


def iso(us: int) -> str:
    """ISO 8601 with six digits and Z."""
    return utc(us).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // (utc(1) - _EPOCH)


def span(search: Search) -> tuple[int, int]:
    """First and last microsecond of the times asked for."""
    low = FIRST_US if search.start is None else microseconds(search.start)
    return low, LAST_US if search.end is None else microseconds(search.end) - 1


def files_of(search: Search) -> list[File]:
    """The listed files that may hold a hit, those that begin last first."""
    low, high = span(search)
    meets = listed(DATASETS["posts"].name).filter(max_seen__gte=utc(low), min_seen__lte=utc(high))
    rows = meets.order_by("-min_seen", "path").values_list("path", "rows", "min_seen", "max_seen")
    return [File(path, count, microseconds(first), microseconds(last)) for path, count, first, last in rows]


class Source:
    """The posts of one lake. All methods raise QueryTimeout after so many seconds, QueryTooLarge, and LakeUnusable
    when a file is missing or damaged."""

    def __init__(self, engine: Engine, root: Path) -> None:
        self._engine = engine
        self._root = root

    def newest(
        self, search: Search, files: Sequence[File], low: int, high: Place, size: int, seconds: float
    ) -> list[Hit]:
        """The newest `size` candidates seen since `low`, hidden ones too, in the total order of hits."""
        sql, values = self._from(search, files)
        sql += " AND seen >= make_timestamp($low) AND seen <= make_timestamp($high)"
        values |= {"low": low, "high": high.us}
        if high.after:
            sql += " AND (seen < make_timestamp($high) OR (did, rkey, rev) < ($did, $rkey, $rev))"
            values |= dict(zip(("did", "rkey", "rev"), high.after, strict=True))
        order = f"ORDER BY seen DESC, did DESC, rkey DESC, rev DESC LIMIT {size:d}"
        with _readable(seconds):
            return [Hit(*row) for row in self._engine.rows(f"SELECT {_COLUMNS} {sql} {order}", values, seconds)]

    def keys(self, search: Search, files: Sequence[File], size: int, seconds: float) -> Iterator[list[Key]]:
        """The keys of all candidates in no order, in lists of at most `size`."""
        sql, values = self._from(search, files)
        low, high = span(search)
        sql += " AND seen >= make_timestamp($low) AND seen <= make_timestamp($high)"
        with _readable(seconds):
            yield from self._engine.stream(
                f"SELECT {_KEY_COLUMNS} {sql}", values | {"low": low, "high": high}, seconds, size
            )

    def _from(self, search: Search, files: Sequence[File]) -> tuple[str, dict[str, Any]]:
        condition, values = search.query.condition()
        values["files"] = [str(self._root / file.path) for file in files]
        return f"FROM read_parquet($files, hive_partitioning = false) WHERE {condition}", values


@contextmanager
def _readable(seconds: float) -> Iterator[None]:
    """What DuckDB can't make rows of is a damaged file: all else was checked when it was written."""
    if seconds <= 0:  # which the engine takes for no limit
        raise QueryTimeout("The time limit was reached before the query began.")
    try:
        yield
    except Unreadable as error:
        raise LakeUnusable(f"The lake can't be read: {error}") from error
