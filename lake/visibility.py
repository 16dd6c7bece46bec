"""Which versions must not show: deleted, superseded by a newer one, or of an account that is not active."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from lake.models import InactiveAccount, Tombstone

KEYS_AT_ONCE = 5000  # three values each: SQLite takes 32,766

_HIDDEN = """
    WITH candidate (did, rkey, rev) AS (VALUES {rows})
    SELECT did, rkey, rev FROM candidate WHERE
        EXISTS (SELECT 1 FROM {tombstones} AS t WHERE t.did = candidate.did AND t.collection = %s
            AND t.rkey = candidate.rkey AND t.rev > candidate.rev AND (t.deleted OR t.seen <= %s))
        OR EXISTS (SELECT 1 FROM {inactive} AS i WHERE i.did = candidate.did)
"""


def hidden(
    keys: Sequence[tuple[str, str, str]], collection: str, until: datetime = datetime.max
) -> set[tuple[str, str, str]]:
    """Those of the (did, rkey, rev) that must not show to a reader for whom versions seen after `until` do not exist.
    Some 15 us a key: each is looked up in the indexes, while an IN list of DIDs beside one of rkeys would make SQLite
    try every DID with every rkey."""
    found: set[tuple[str, str, str]] = set()
    with connection.cursor() as cursor:
        for start in range(0, len(keys), KEYS_AT_ONCE):
            part = keys[start : start + KEYS_AT_ONCE]
            sql = _HIDDEN.format(
                rows=", ".join(["(%s, %s, %s)"] * len(part)),
                tombstones=Tombstone._meta.db_table,
                inactive=InactiveAccount._meta.db_table,
            )
            moment = connection.ops.adapt_datetimefield_value(until)
            cursor.execute(sql, [*(value for key in part for value in key), collection, moment])
            found.update(cursor.fetchall())
    return found
