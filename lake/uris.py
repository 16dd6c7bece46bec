"""Posts by their AT-URIs: what each is today. For lists of posts, and to check an old export against deletions."""

import re
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lake import catalog, hits
from lake.asked import Place, Search
from lake.catalog import repeated, still_listed
from lake.errors import QueryTimeout
from lake.hits import Hit
from lake.models import InactiveAccount
from lake.source import File, Source, files_of, readable
from lake.visibility import hidden

POST_URI = re.compile(r"at://(did:[a-z]+:[A-Za-z0-9._:%-]{1,2000})/app\.bsky\.feed\.post/([A-Za-z0-9._:~-]{1,512})")
NEAR_US = 600_000_000  # a key is made from the author's clock, which is rarely further from the server's
FILES_AT_ONCE = 32
_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"

DIDS_AT_ONCE = 5000
_DELETES = """SELECT DISTINCT did, rkey FROM read_parquet($files, hive_partitioning = false)
    WHERE collection = 'app.bsky.feed.post' AND rkey BETWEEN $low AND $high
    AND (did, rkey) IN (SELECT (unnest($dids), unnest($rkeys)))"""

Name = tuple[str, str]  # did, rkey
Version = tuple[Hit, bool]  # and whether it is gone


class Found(NamedTuple):
    """`hits`: the present version of each post that shows. `deleted`, `hidden` (of an account that is not active: its
    status), `unknown`: URIs of the rest. `complete`: false when the time was over; then `unknown` are those that were
    not found so far."""

    hits: list[Hit]
    deleted: list[str]
    hidden: dict[str, str]
    unknown: list[str]
    complete: bool


def look_up(source: Source, uris: Sequence[str], seconds: float) -> Found:
    """Raises ValueError for what is no URI of a post, LakeUnusable and QueryTooLarge."""
    deadline = time.monotonic() + seconds
    names = {name(uri): uri for uri in uris}
    search = Search(timeout=seconds)
    versions, complete = repeated(lambda: _versions(source, search, set(names), deadline))
    shown = {(hit.did, hit.key.rkey): hit for hit, gone in versions if not gone}
    rest = [each for each in names if each not in shown]
    known = {(hit.did, hit.key.rkey) for hit, _ in versions}
    status = {each: why for each, why in _inactive(rest).items() if each in known}
    dead = repeated(lambda: _deleted(source, [each for each in rest if each not in status], deadline))
    return Found(
        [shown[each] for each in names if each in shown],
        [names[each] for each in rest if each in dead],
        {names[each]: why for each, why in status.items()},
        [names[each] for each in rest if each not in dead and each not in status],
        complete,
    )


def name(uri: str) -> Name:
    """Raises ValueError when it is no URI of a post."""
    if (found := POST_URI.fullmatch(uri)) is None:
        raise ValueError(uri)
    return found[1], found[2]


def _versions(source: Source, search: Search, wanted: set[Name], deadline: float) -> tuple[list[Version], bool]:
    """All versions of these posts, and whether all files were read. Files of the times that the keys tell come first;
    only what they don't hold is looked for everywhere."""
    found: list[Version] = []
    try:
        for near in (True, False):
            for files, names in _parts(files_of(search), wanted - {(hit.did, hit.key.rkey) for hit, _ in found}, near):
                with still_listed([file.path for file in files]):
                    found += _read(source, search, files, names, deadline)
    except QueryTimeout:
        return found, False
    return found, True


def _parts(files: Sequence[File], names: set[Name], near: bool) -> Iterator[tuple[Sequence[File], set[Name]]]:
    times = sorted(us for _, rkey in names if (us := tid_us(rkey)) is not None)
    if not names:
        return
    chosen = [
        file for file in files if not near or any(file.low - NEAR_US <= us <= file.high + NEAR_US for us in times)
    ]
    for start in range(0, len(chosen), FILES_AT_ONCE):
        yield chosen[start : start + FILES_AT_ONCE], names


def _read(source: Source, search: Search, files: Sequence[File], names: set[Name], deadline: float) -> list[Version]:
    low, high = search.stretch()
    sql, values = source.select(search, hits.select(search), files, low, Place(high))
    dids, rkeys = (list(column) for column in zip(*names, strict=True))
    sql += " AND (did, rkey) IN (SELECT (unnest($dids), unnest($rkeys)))"
    rows = source.rows(sql, values | {"dids": dids, "rkeys": rkeys}, files, deadline - time.monotonic())
    read = [hits.hit(search, row) for row in rows]
    gone = hidden(search, read, source, deadline - time.monotonic())
    return [(hit, hit.version in gone) for hit in read]


def _inactive(names: Sequence[Name]) -> dict[Name, str]:
    """Those of accounts that are not active, and the accounts' status."""
    dids = list({did for did, _ in names})
    found: dict[str, str] = {}
    for start in range(0, len(dids), DIDS_AT_ONCE):
        part = InactiveAccount.objects.filter(did__in=dids[start : start + DIDS_AT_ONCE])
        found.update(part.values_list("did", "status"))
    return {each: found[each[0]] for each in names if each[0] in found}


def _deleted(source: Source, names: Sequence[Name], deadline: float) -> set[Name]:
    """Those of which the lake holds a delete."""
    paths = catalog.since("deletes", None)
    seconds = deadline - time.monotonic()
    if not names or not paths:
        return set()
    dids, rkeys = (list(column) for column in zip(*names, strict=True))
    values = {"files": source.absolute(paths), "dids": dids, "rkeys": rkeys, "low": min(rkeys), "high": max(rkeys)}
    with still_listed(paths), readable(seconds):
        return set(source.engine.rows(_DELETES, values, seconds))


def tid_us(rkey: str) -> int | None:
    """The moment that a TID carries, microseconds since 1970; None for what is none."""
    if re.fullmatch(r"[2-7a-j][2-7a-z]{12}", rkey) is None:
        return None
    number = 0
    for character in rkey[:11]:
        number = number << 5 | _ALPHABET.index(character)
    return number
