"""Which candidates of a page must not show: deleted, superseded by a newer one, or of an account that is not active."""

from collections.abc import Sequence

from django.db import connection

from lake.catalog import listing
from lake.catalog.read_guard import unless_replaced
from lake.models import InactiveAccount, Tombstone
from lake.query.spec import Search
from lake.search.hit import Hit
from lake.search.scan import Scanner, readable
from process.instants import utc

Version = tuple[str, str, str]  # did, rkey, rev

KEYS_AT_ONCE = 5000  # four values each: SQLite takes 32,766

_HIDDEN = """
    WITH candidate (did, collection, rkey, rev) AS (VALUES {rows})
    SELECT did, rkey, rev FROM candidate WHERE
        EXISTS (SELECT 1 FROM {tombstones} AS t WHERE t.did = candidate.did AND t.collection = candidate.collection
            AND t.rkey = candidate.rkey AND t.rev > candidate.rev AND (t.deleted OR t.seen <= %s))
        OR EXISTS (SELECT 1 FROM {inactive} AS i WHERE i.did = candidate.did)
"""
_DELETED = """
    SELECT DISTINCT c.did, c.rkey, c.rev
    FROM (SELECT unnest($dids) AS did, unnest($rkeys) AS rkey, unnest($revs) AS rev) AS c
    JOIN read_parquet($files, hive_partitioning = false) AS d ON d.did = c.did AND d.rkey = c.rkey AND d.rev > c.rev
    WHERE d.collection = $collection AND d.rkey BETWEEN $low AND $high
"""


def hidden(search: Search, hits: Sequence[Hit], source: Scanner, seconds: float) -> set[Version]:
    """Those that must not show to a reader for whom versions seen after the search's `snapshot_us` do not exist."""
    marked = {hit.version for hit in hits if _marked(hit, search.snapshot_us)}
    deleted = _deleted(search, hits, source, seconds) if search.of.subject else set()
    return marked | deleted | _buried(hits, search.snapshot_us)


def _marked(hit: Hit, snapshot_us: int) -> bool:
    return hit.state == "deleted" or (hit.state == "superseded" and (hit.state_us or 0) <= snapshot_us)


def _buried(hits: Sequence[Hit], snapshot_us: int) -> set[Version]:
    """Some 15 us each: it is looked up in the indexes, while an IN list of DIDs beside one of rkeys would make SQLite
    try every DID with every rkey."""
    found: set[Version] = set()
    until = connection.ops.adapt_datetimefield_value(utc(snapshot_us))
    with connection.cursor() as cursor:
        for start in range(0, len(hits), KEYS_AT_ONCE):
            part = hits[start : start + KEYS_AT_ONCE]
            sql = _HIDDEN.format(
                rows=", ".join(["(%s, %s, %s, %s)"] * len(part)),
                tombstones=Tombstone._meta.db_table,
                inactive=InactiveAccount._meta.db_table,
            )
            values = [value for hit in part for value in (hit.did, hit.collection, hit.key.rkey, hit.rev)]
            cursor.execute(sql, [*values, until])
            found.update(cursor.fetchall())
    return found


def _deleted(search: Search, hits: Sequence[Hit], source: Scanner, seconds: float) -> set[Version]:
    """Likes, reposts, follows and blocks have no tombstones: their deletes are in the lake, in the order of their keys
    once an hour is compacted."""
    paths = listing.paths_since("deletes", utc(min(hit.seen_us for hit in hits))) if hits else []
    if not paths:
        return set()
    dids, rkeys, revs = (list(column) for column in zip(*(hit.version for hit in hits), strict=True))
    with unless_replaced(paths), readable(seconds):
        rows = source.engine.rows(
            _DELETED,
            {
                "files": source.absolute(paths),
                "collection": search.of.collection,
                "dids": dids,
                "rkeys": rkeys,
                "revs": revs,
                "low": min(rkeys),
                "high": max(rkeys),
            },
            seconds,
        )
    return set(rows)
