"""Records by their AT-URIs: what each is now. For lists of them, and to check an old export against deletions."""

import re
import time
from bisect import bisect_left
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

from ingest.identifiers import DID, RECORD_KEY
from lake.catalog import listing
from lake.catalog.read_guard import retry_superseded, superseded_if_replaced
from lake.errors import QueryTimeout
from lake.models import InactiveAccount
from lake.query.filter_sql import FEW
from lake.query.spec import WITHHELD, ResumePoint, Search
from lake.scan.full_scan import by_hours
from lake.scan.hit import Hit, collection_sql, select_key, select_list, to_hit, to_key_hit
from lake.scan.scan_range import ScanFile, ScanRange
from lake.scan.scanner import Scanner
from lake.scan.search_sql import SearchSql
from lake.scan.snapshot import files_in_range
from lake.scan.visibility import hidden_versions
from lake.schema import Dataset, deletes_of
from lake.withheld.lists import withheld

POST_URI = re.compile(rf"at://({DID})/app\.bsky\.feed\.post/({RECORD_KEY})")
NEAR_US = 600_000_000  # a key is made from the author's clock, which is rarely further from the server's
_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"

LATE_US = listing.LATE // timedelta(microseconds=1)
DIDS_AT_ONCE = 5000
_DELETES = """SELECT did, collection, rkey, max(rev), epoch_us(min(seen)) FROM lake_rows($files)
    WHERE {of_dataset} AND rkey BETWEEN $low AND $high
    AND (did, collection, rkey) IN (SELECT (unnest($dids), unnest($collections), unnest($rkeys)))
    GROUP BY did, collection, rkey"""

RecordName = tuple[str, str, str]  # did, collection, rkey


class Deletion(NamedTuple):
    """The latest delete of a record. `seen_us`: of its first one."""

    rev: str
    seen_us: int


class UriLookup(NamedTuple):
    """`hits`: the present version of each record that shows. The rest by URI: `deleted`; `hidden`, with the status of
    the account, which is not active, or the list that it is on; `purged`: the account was deleted and has come back,
    without the text; `unknown`. `complete`: False when the time limit was reached; then the rest is as far as it was
    found."""

    hits: list[Hit]
    deleted: list[str]
    hidden: dict[str, str]
    purged: list[str]
    unknown: list[str]
    complete: bool


def look_up(
    scanner: Scanner,
    uris: Sequence[str],
    seconds: float,
    hide: bool = True,
    everywhere: bool = True,
    withhold: tuple[str, ...] = WITHHELD,
) -> UriLookup:
    """`hide`, `withhold`: as of a Search. `everywhere`: False leaves what is not near the time of its key unknown.
    Raises ValueError for what is no URI of a post, LakeUnusable and QueryTooLarge."""
    names = {parse_post_uri(uri): uri for uri in uris}
    search = Search(hide=hide, withhold=withhold, timeout=seconds)
    return _looked_up(_Lookup(scanner, set(names), time.monotonic() + seconds, search), names, everywhere)


def find_versions(scanner: Scanner, search: Search, uris: Sequence[str]) -> UriLookup:
    """As look_up(), of records of the search's dataset, with hits without fields: some 600 bytes each."""
    search = replace(search, newest=True)  # else the times of files are those of the order, below zero
    names = {record_name(uri): uri for uri in uris}
    lookup = _Lookup(scanner, set(names), time.monotonic() + search.timeout, search)
    lookup.columns, lookup.to_hit = select_key, to_key_hit
    return _looked_up(lookup, names, True)


def _looked_up(lookup: "_Lookup", names: dict[RecordName, str], everywhere: bool) -> UriLookup:
    try:
        lookup.run(everywhere)
        complete = True
    except QueryTimeout:
        complete = False
    states = lookup.states()
    rest = {state: [names[name] for name in names if states.get(name) == state] for state in set(states.values())}
    return UriLookup(
        [lookup.shown[name] for name in names if name in lookup.shown],
        rest.get("deleted", []),
        {names[name]: lookup.inactive[name[0]] for name in names if states.get(name) == "hidden"},
        rest.get("purged", []),
        rest.get("unknown", []),
        complete,
    )


class _Lookup:
    """What is known so far of these records: the version that shows, else the newest one; their deletes."""

    def __init__(self, scanner: Scanner, names: set[RecordName], deadline: float, search: Search) -> None:
        self._scanner, self._names, self._deadline = scanner, names, deadline
        self._search = search
        self._compiled = SearchSql(self._search)
        self.columns: Callable[[Search], str] = select_list
        self.to_hit: Callable[[Search, tuple[Any, ...]], Hit] = to_hit
        self.shown: dict[RecordName, Hit] = {}
        self.hidden: dict[RecordName, Hit] = {}
        self.deletions: dict[RecordName, Deletion] = {}
        self.inactive: dict[str, str] = {}  # accounts that do not show, and why

    def run(self, everywhere: bool) -> None:
        """Files of the times that the keys carry come first. Only what they don't settle is looked for everywhere: a
        version may have come long after its key was made. Raises QueryTimeout."""
        self._scan(self._near)
        self._find_deletions(self._left)
        if everywhere:
            self._scan(self._everywhere)
            self._find_deletions(self._left & self.hidden.keys() - self.deletions.keys())  # by what came meanwhile

    def _find_deletions(self, names: set[RecordName]) -> None:
        asked = [*names]
        self.deletions |= retry_superseded(lambda: _deletions(self._scanner, self._search.of, asked, self._seconds))

    def states(self) -> dict[RecordName, str]:
        """Of the records that do not show: the names of UriLookup."""
        accounts = {did for did, *_ in self.hidden}
        self.inactive = _inactive(accounts) | withheld(self._search.withhold, accounts)
        return {name: self._state(name) for name in self._left}

    def _state(self, name: RecordName) -> str:
        version, deletion = self.hidden.get(name), self.deletions.get(name)
        if deletion and (version is None or deletion.rev > version.rev):
            return "deleted"
        if version and version.did in self.inactive:
            return "hidden"
        return "purged" if version and version.state == "deleted" else "unknown"

    @property
    def _seconds(self) -> float:
        return self._deadline - time.monotonic()

    @property
    def _left(self) -> set[RecordName]:
        return self._names - self.shown.keys()

    def _near(self) -> list[ScanFile]:
        times = sorted(us for *_, rkey in self._names if (us := tid_us(rkey)) is not None)

        def near(file: ScanFile) -> bool:
            at = bisect_left(times, file.low - NEAR_US)
            return at < len(times) and times[at] <= file.high + NEAR_US

        return list(filter(near, files_in_range(self._search)))

    def _everywhere(self) -> list[ScanFile]:
        """Of records that were deleted: where they may be again."""
        files = files_in_range(self._search)
        if self._left - self.deletions.keys():
            return files
        since = min((self.deletions[name].seen_us for name in self._left), default=0) - LATE_US
        return [file for file in files if file.high >= since]

    def _scan(self, files: Callable[[], list[ScanFile]]) -> None:
        for versions in by_hours(lambda: files() if self._left else [], self._read):
            for hit, hidden in versions:
                newest = self.hidden if hidden else self.shown
                name = hit.did, hit.collection, hit.key.rkey
                if name not in newest or hit.rev > newest[name].rev:
                    newest[name] = hit

    def _read(self, files: Sequence[ScanFile]) -> list[tuple[Hit, bool]]:
        """Versions in these files, and whether they are hidden."""
        if not (left := self._left):
            return []
        low, high = self._search.positions()
        scan = ScanRange(tuple(files), low, ResumePoint(high))
        condition, values = among(self._search.of, left)
        rkeys = values["rkeys"]
        statement = self._compiled.select(self.columns(self._search), scan).where(condition, values)
        if len(rkeys) <= FEW:  # of 30 million posts that costs 0.6 s of a core, without it 26
            keys = {f"rkey{n}": rkey for n, rkey in enumerate(rkeys)}
            statement = statement.where(f"rkey IN ({', '.join(f'${name}' for name in keys)})", keys)
        hits = [self.to_hit(self._search, row) for row in self._scanner.rows(statement, scan, self._seconds)]
        hidden = hidden_versions(self._search, hits, self._scanner, self._seconds)
        return [(hit, hit.version in hidden) for hit in hits]


def among(dataset: Dataset, names: Collection[RecordName]) -> tuple[str, dict[str, list[str]]]:
    """A condition: a row is of one of these records, of which there is at least one; and its values."""
    dids, collections, rkeys = (list(column) for column in zip(*names, strict=True))
    if dataset.collection:
        return "(did, rkey) IN (SELECT (unnest($dids), unnest($rkeys)))", {"dids": dids, "rkeys": rkeys}
    condition = "(did, {}, rkey) IN (SELECT (unnest($dids), unnest($collections), unnest($rkeys)))"
    return condition.format(collection_sql(dataset)), {"dids": dids, "collections": collections, "rkeys": rkeys}


def parse_post_uri(uri: str) -> RecordName:
    """Raises ValueError when it is no URI of a post."""
    if POST_URI.fullmatch(uri) is None:
        raise ValueError(uri)
    return record_name(uri)


def record_name(uri: str) -> RecordName:
    """Of a record's URI with a DID."""
    did, collection, rkey = uri.removeprefix("at://").split("/")
    return did, collection, rkey


def _inactive(accounts: Collection[str]) -> dict[str, str]:
    """Those that are not active, with their status."""
    dids = list(accounts)
    status: dict[str, str] = {}
    for start in range(0, len(dids), DIDS_AT_ONCE):
        part = InactiveAccount.objects.filter(did__in=dids[start : start + DIDS_AT_ONCE])
        status.update(part.values_list("did", "status"))
    return status


def _deletions(
    scanner: Scanner, dataset: Dataset, names: Sequence[RecordName], seconds: float
) -> dict[RecordName, Deletion]:
    """Of those of which the lake holds a delete."""
    paths = listing.paths_since("deletes", None)
    if not names or not paths:
        return {}
    dids, collections, rkeys = (list(column) for column in zip(*names, strict=True))
    keys = {"dids": dids, "collections": collections, "rkeys": rkeys, "low": min(rkeys), "high": max(rkeys)}
    with superseded_if_replaced(paths):
        rows = scanner.rows_of(_DELETES.format(of_dataset=deletes_of(dataset.name)), paths, keys, seconds)
    return {(did, collection, rkey): Deletion(*deletion) for did, collection, rkey, *deletion in rows}


def tid_us(rkey: str) -> int | None:
    """The time that a TID carries, microseconds since 1970; None when it is no TID."""
    if re.fullmatch(r"[2-7a-j][2-7a-z]{12}", rkey) is None:
        return None
    number = 0
    for character in rkey[:11]:
        number = number << 5 | _ALPHABET.index(character)
    return number
