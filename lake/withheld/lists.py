"""Accounts whose rows, of all datasets, do not show to a reader: those that have opted out, and those whose profile
asks to be shown only to readers who have signed in."""

from collections.abc import Collection

from django.db import connection

from lake.query.spec import OPTED_OUT, SIGNED_IN_ONLY, Search
from lake.withheld_models import OptOut, SignedInOnlyAccount

DIDS_AT_ONCE = 5000  # SQLite takes 32,766 values
_LISTED = {
    OPTED_OUT: f"SELECT did FROM {OptOut._meta.db_table} WHERE did IN ({{}})",
    SIGNED_IN_ONLY: f"SELECT did FROM {SignedInOnlyAccount._meta.db_table} WHERE asks AND did IN ({{}})",
}


def withheld(lists: Collection[str], accounts: Collection[str]) -> dict[str, str]:
    """Those of the accounts that are on one of these lists, with its name."""
    found: dict[str, str] = {}
    dids = list(accounts)
    with connection.cursor() as cursor:
        for start in range(0, len(dids), DIDS_AT_ONCE):
            part = dids[start : start + DIDS_AT_ONCE]
            for name in sorted(lists, reverse=True):  # of both: opted out
                cursor.execute(_LISTED[name].format(", ".join(["%s"] * len(part))), part)
                found |= {did: name for (did,) in cursor.fetchall()}
    return found


def shown_sql(search: Search) -> str:
    """A condition on `row` over the tables of the TombstoneCache."""
    conditions = [f"row.did NOT IN (SELECT did FROM {name})" for name in search.withhold]
    return " AND ".join(conditions) or "true"
