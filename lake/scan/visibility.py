"""What shows: a version does when no version and no delete of its URI has a higher rev and its account is active. Said
twice, because a page looks its few candidates up while counts and exports join whole files: as a rule for the hits of a
page, and as SQL. tests/lake/scan/test_visibility.py holds one against the other.

The state of a compacted row tells what its tombstones told. Likes, reposts, follows and blocks have few tombstones, for
what is unusual: their usual deletes are rows of the lake. Versions that came after its moment do not exist for a
search; deletes always apply. Deletes and account events are no versions: none hides them. What is of accounts that are
withheld from the reader does not show, whatever it is (lake/withheld/lists.py).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from lake.catalog import listing
from lake.catalog.read_guard import superseded_if_replaced
from lake.models import InactiveAccount, Tombstone
from lake.query.spec import FIRST_US, Search
from lake.scan.hit import Hit, Version
from lake.scan.scanner import Scanner
from lake.withheld.lists import shown_sql, withheld
from process.instants import utc

_UNTIL = "{} <= make_timestamp($until)"
_HIDES = f"deleted OR {_UNTIL.format('seen')}"
_SHOWN_STATE = f"""(state IS NULL OR state = 'superseded' AND NOT {_UNTIL.format("state_seen")})
    AND row.did NOT IN (SELECT did FROM inactive_account)"""
KEYS_AT_ONCE = 5000  # four values each: SQLite takes 32,766
# A delete without a tombstone is seen after its like. Either may be stamped by another host, the like an hour ahead.
BEFORE_US = 4_200_000_000

# A join from the candidates: beside an IN list of rkeys, SQLite would try every DID of an IN list with each of them.
_HIDDEN = """
    WITH candidate (did, collection, rkey, rev) AS (VALUES {rows})
    SELECT did, collection, rkey, rev FROM candidate WHERE
        EXISTS (SELECT 1 FROM {tombstones} AS t WHERE t.did = candidate.did AND t.collection = candidate.collection
            AND t.rkey = candidate.rkey AND t.rev > candidate.rev AND (t.deleted OR t.seen <= %s))
        OR EXISTS (SELECT 1 FROM {inactive} AS i WHERE i.did = candidate.did)
"""
_DELETED = """
    SELECT DISTINCT c.did, $collection, c.rkey, c.rev
    FROM (SELECT unnest($dids) AS did, unnest($rkeys) AS rkey, unnest($revs) AS rev) AS c
    JOIN lake_rows($files) AS d ON d.did = c.did AND d.rkey = c.rkey AND d.rev > c.rev
    WHERE d.collection = $collection AND d.rkey BETWEEN $low AND $high
"""


def hidden_versions(search: Search, hits: Sequence[Hit], scanner: Scanner, seconds: float) -> set[Version]:
    """Those of the hits that must not show. Raises as Scanner does, and Superseded."""
    accounts = withheld(search.withhold, {hit.did for hit in hits})
    kept_back = {hit.version for hit in hits if hit.did in accounts}
    if not search.hide or search.of.are_events:
        return kept_back
    by_state = {hit.version for hit in hits if _hidden_by_state(hit, search.snapshot_us)}
    deleted = _deleted(search, hits, scanner, seconds) if search.of.subject else set()
    return kept_back | by_state | deleted | _hidden_by_catalog(hits, search.snapshot_us)


class VisibleSql(NamedTuple):
    """A condition on `row` over the tables of the TombstoneCache, the values of its parameters, and the paths of the
    files that it reads. `without`: an ANTI JOIN of `row` that belongs to it."""

    sql: str
    values: dict[str, Any]
    paths: list[str]
    without: str = ""


def visible_sql(search: Search, scanner: Scanner) -> VisibleSql:
    if not search.hide or search.of.are_events:
        return VisibleSql(shown_sql(search), {}, [])
    paths = _delete_paths(search)
    deletes = "lake_rows($deletes)" if paths else ""
    sql = f"{shown_sql(search)} AND {_SHOWN_STATE}"
    return VisibleSql(sql, _bound(search, scanner, paths), paths, _without_older(search, deletes))


def removed_sql(search: Search, scanner: Scanner) -> VisibleSql:
    """The rows that showed at the moment of the search, and have been deleted or hidden since. What is withheld from
    the reader is not among them."""
    if search.of.are_events:
        return VisibleSql("false", {}, [])
    paths = _delete_paths(search)
    now, then, known = ("lake_rows($deletes)" if paths else "",) * 2 + ("seen",)
    if listing.hold_late_rows(paths):
        then, known = "full_lake_rows($deletes)", "coalesce(learned, seen)"
    sql = f"{shown_sql(search)} AND {_showed_then(search, then, known)} AND NOT ({_shows_now(search, now)})"
    return VisibleSql(sql, _bound(search, scanner, paths), paths)


def _delete_paths(search: Search) -> list[str]:
    return listing.paths_since("deletes", _first_delete(search)) if search.of.subject else []


def _bound(search: Search, scanner: Scanner, paths: Sequence[str]) -> dict[str, Any]:
    return {"until": search.snapshot_us} | ({"deletes": scanner.absolute(paths)} if paths else {})


def _shows_now(search: Search, deletes: str) -> str:
    """`deletes`: SQL of the rows of deletes; empty without any."""
    return f"{_SHOWN_STATE} AND {_nothing_later(search, _HIDES, deletes)}"


def _without_older(search: Search, deletes: str) -> str:
    """What _nothing_later() says, as a join: for a condition DuckDB would keep all rows of the search in memory."""
    return f"""ANTI JOIN ({_later(search, _HIDES, deletes)}) AS later ON {_same_uri(search)} AND later.rev > row.rev"""


def _showed_then(search: Search, deletes: str, known: str) -> str:
    """`known`: SQL of when a delete came."""
    return f"""(state IS NULL OR NOT {_UNTIL.format("state_seen")})
        AND row.did NOT IN (SELECT did FROM inactive_account WHERE {_UNTIL.format("learned")})
        AND {_nothing_later(search, _UNTIL.format("seen"), deletes, f"AND {_UNTIL.format(known)}")}"""


def _hidden_by_state(hit: Hit, snapshot_us: int) -> bool:
    return hit.state == "deleted" or (hit.state == "superseded" and (hit.state_us or 0) <= snapshot_us)


def _hidden_by_catalog(hits: Sequence[Hit], snapshot_us: int) -> set[Version]:
    """Some 15 us each."""
    hidden: set[Version] = set()
    until = connection.ops.adapt_datetimefield_value(utc(snapshot_us))
    with connection.cursor() as cursor:
        for start in range(0, len(hits), KEYS_AT_ONCE):
            part = hits[start : start + KEYS_AT_ONCE]
            sql = _HIDDEN.format(
                rows=", ".join(["(%s, %s, %s, %s)"] * len(part)),
                tombstones=Tombstone._meta.db_table,
                inactive=InactiveAccount._meta.db_table,
            )
            cursor.execute(sql, [*(value for hit in part for value in hit.version), until])
            hidden.update(cursor.fetchall())
    return hidden


def _deleted(search: Search, hits: Sequence[Hit], scanner: Scanner, seconds: float) -> set[Version]:
    """Once an hour is compacted its deletes are sorted by key, so that the range of rkeys rules most row groups out."""
    paths = listing.paths_since("deletes", utc(min(hit.seen_us for hit in hits) - BEFORE_US)) if hits else []
    if not paths:
        return set()
    dids, _, rkeys, revs = (list(column) for column in zip(*(hit.version for hit in hits), strict=True))
    keys = {"dids": dids, "rkeys": rkeys, "revs": revs, "low": min(rkeys), "high": max(rkeys)}
    with superseded_if_replaced(paths):
        return set(scanner.rows_of(_DELETED, paths, keys | {"collection": search.of.collection}, seconds))


def _first_delete(search: Search) -> datetime | None:
    """Since when there may be deletes of the search's rows; None: always."""
    if search.start is None or search.clock != "seen":
        return None
    return utc(max(FIRST_US, search.span()[0] - BEFORE_US))


def _nothing_later(search: Search, hides: str, deletes: str, when: str = "") -> str:
    return f"""NOT EXISTS (FROM ({_later(search, hides, deletes, when)}) AS later
        WHERE {_same_uri(search)} AND later.rev > row.rev)"""


def _same_uri(search: Search) -> str:
    same_collection = "" if search.of.collection else " AND later.collection = row.collection"
    return f"later.did = row.did AND later.rkey = row.rkey{same_collection}"


def _later(search: Search, hides: str, deletes: str, when: str = "") -> str:
    """What hides older versions: tombstones that do so, and rows of deletes."""
    collection = f"WHERE collection = '{search.of.collection}'" if search.of.collection else "WHERE true"
    later = f"SELECT did, collection, rkey, rev FROM tombstone {collection} AND ({hides})"
    if deletes:
        later += f" UNION ALL SELECT did, collection, rkey, rev FROM {deletes} {collection} {when}"
    return later
