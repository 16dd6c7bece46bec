"""Posts by their AT-URIs: what each is today. For lists of posts, and to check an old export against deletions."""

import re
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ingest.identifiers import DID, RECORD_KEY
from lake.catalog import listing
from lake.catalog.read_guard import retry_superseded, unless_replaced
from lake.errors import QueryTimeout
from lake.models import InactiveAccount
from lake.query.spec import ResumePoint, Search
from lake.search import hit as search_hit
from lake.search.full_scan import by_hours
from lake.search.hit import Hit
from lake.search.scan import Scanner, readable
from lake.search.snapshot import ScanFile, files_in_range, pin_snapshot
from lake.search.visibility import hidden

POST_URI = re.compile(rf"at://({DID})/app\.bsky\.feed\.post/({RECORD_KEY})")
NEAR_US = 600_000_000  # a key is made from the author's clock, which is rarely further from the server's
_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"

DIDS_AT_ONCE = 5000
_DELETES = """SELECT DISTINCT did, rkey FROM read_parquet($files, hive_partitioning = false)
    WHERE collection = 'app.bsky.feed.post' AND rkey BETWEEN $low AND $high
    AND (did, rkey) IN (SELECT (unnest($dids), unnest($rkeys)))"""

RecordName = tuple[str, str]  # did, rkey


class UriLookup(NamedTuple):
    """`hits`: the present version of each post that shows. `deleted`, `hidden` (of an account that is not active: its
    status), `unknown`: URIs of the rest. `complete`: false when the time was over; then `unknown` are those that were
    not found so far."""

    hits: list[Hit]
    deleted: list[str]
    hidden: dict[str, str]
    unknown: list[str]
    complete: bool


def look_up(source: Scanner, uris: Sequence[str], seconds: float) -> UriLookup:
    """Raises ValueError for what is no URI of a post, LakeUnusable and QueryTooLarge."""
    names = {parse_post_uri(uri): uri for uri in uris}
    asked = _Lookup(source, set(names), time.monotonic() + seconds)
    try:
        asked.find()
        complete = True
    except QueryTimeout:
        complete = False
    rest = [each for each in names if each not in asked.shown]
    return UriLookup(
        [asked.shown[each] for each in names if each in asked.shown],
        [names[each] for each in rest if each in asked.deleted],
        {names[each]: asked.inactive[each] for each in rest if each in asked.inactive},
        [names[each] for each in rest if each not in asked.deleted and each not in asked.inactive],
        complete,
    )


class _Lookup:
    """What is known so far of these posts: the version that shows, that they were deleted, that their account is not
    active and its status."""

    def __init__(self, source: Scanner, names: set[RecordName], deadline: float) -> None:
        self._source, self._names, self._deadline = source, names, deadline
        self._search = pin_snapshot(Search(timeout=deadline - time.monotonic()))
        self.shown: dict[RecordName, Hit] = {}
        self.inactive: dict[RecordName, str] = {}
        self.deleted: set[RecordName] = set()

    def find(self) -> None:
        """Files of the times that the keys tell come first; only what they don't settle is looked for everywhere: a
        version may have come long after its key was made. Raises QueryTimeout."""
        self._look(self._near)
        self.deleted = retry_superseded(lambda: _deleted(self._source, [*self._left], self._deadline))
        self._look(lambda: files_in_range(self._search))

    @property
    def _left(self) -> set[RecordName]:
        return self._names - self.shown.keys() - self.inactive.keys() - self.deleted

    def _near(self) -> list[ScanFile]:
        times = [us for _, rkey in self._names if (us := tid_us(rkey)) is not None]
        return [
            file
            for file in files_in_range(self._search)
            if any(file.low - NEAR_US <= us <= file.high + NEAR_US for us in times)
        ]

    def _look(self, files: Callable[[], list[ScanFile]]) -> None:
        for versions in by_hours(lambda: files() if self._left else [], self._read):
            self.shown |= {(hit.did, hit.key.rkey): hit for hit, gone in versions if not gone}
            self.inactive |= _inactive([(hit.did, hit.key.rkey) for hit, gone in versions if gone])

    def _read(self, files: Sequence[ScanFile]) -> list[tuple[Hit, bool]]:
        """Versions in these files, and whether they are gone."""
        if not (left := self._left):
            return []
        low, high = self._search.stretch()
        sql, values = self._source.select(
            self._search, search_hit.select_list(self._search), files, low, ResumePoint(high)
        )
        dids, rkeys = (list(column) for column in zip(*left, strict=True))
        sql += " AND (did, rkey) IN (SELECT (unnest($dids), unnest($rkeys)))"
        values |= {"dids": dids, "rkeys": rkeys}
        rows = self._source.rows(sql, values, files, self._deadline - time.monotonic())
        found = [search_hit.to_hit(self._search, row) for row in rows]
        gone = hidden(self._search, found, self._source, self._deadline - time.monotonic())
        return [(hit, hit.version in gone) for hit in found]


def parse_post_uri(uri: str) -> RecordName:
    """Raises ValueError when it is no URI of a post."""
    if (found := POST_URI.fullmatch(uri)) is None:
        raise ValueError(uri)
    return found[1], found[2]


def _inactive(names: Sequence[RecordName]) -> dict[RecordName, str]:
    """Those of accounts that are not active, and the accounts' status."""
    dids = list({did for did, _ in names})
    found: dict[str, str] = {}
    for start in range(0, len(dids), DIDS_AT_ONCE):
        part = InactiveAccount.objects.filter(did__in=dids[start : start + DIDS_AT_ONCE])
        found.update(part.values_list("did", "status"))
    return {each: found[each[0]] for each in names if each[0] in found}


def _deleted(source: Scanner, names: Sequence[RecordName], deadline: float) -> set[RecordName]:
    """Those of which the lake holds a delete."""
    paths = listing.paths_since("deletes", None)
    seconds = deadline - time.monotonic()
    if not names or not paths:
        return set()
    dids, rkeys = (list(column) for column in zip(*names, strict=True))
    values = {"files": source.absolute(paths), "dids": dids, "rkeys": rkeys, "low": min(rkeys), "high": max(rkeys)}
    with unless_replaced(paths), readable(seconds):
        return set(source.engine.rows(_DELETES, values, seconds))


def tid_us(rkey: str) -> int | None:
    """The moment that a TID carries, microseconds since 1970; None for what is none."""
    if re.fullmatch(r"[2-7a-j][2-7a-z]{12}", rkey) is None:
        return None
    number = 0
    for character in rkey[:11]:
        number = number << 5 | _ALPHABET.index(character)
    return number
