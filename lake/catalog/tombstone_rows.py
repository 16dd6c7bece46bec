"""The catalog's tombstones and inactive accounts as Arrow tables: the one reader for all who copy them."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
from django.db import connection

from lake.models import InactiveAccount, Tombstone
from lake.withheld_models import OptOut, SignedInOnlyAccount

ROWS_AT_ONCE = 50_000  # of a table

_TEXT, _TIME = pa.string(), pa.timestamp("us")
TOMBSTONE = pa.schema(
    {"id": pa.int64(), "did": _TEXT, "collection": _TEXT, "rkey": _TEXT, "rev": _TEXT}
    | {"deleted": pa.bool_(), "seen": _TIME, "applied": pa.bool_()}
)
INACTIVE_ACCOUNT = pa.schema({"did": _TEXT, "status": _TEXT, "learned_at": _TIME, "applied": pa.bool_()})
ACCOUNT = pa.schema({"did": _TEXT})
PROFILE_STATE = pa.schema({"did": _TEXT, "asks": pa.bool_()})
_SOURCES = {"applied": "applied_at IS NOT NULL"}  # all other columns have the name of the catalog's


def newest_id() -> int:
    """The id of the newest tombstone; 0: there is none. Ids only grow."""
    return Tombstone.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def tombstones(after: int, up_to: int) -> Iterator[pa.Table]:
    """Tables of TOMBSTONE with `after` < id <= `up_to`, by id."""
    where = "WHERE id > %s AND id <= %s ORDER BY id"
    return _tables(Tombstone._meta.db_table, TOMBSTONE, where, [after, up_to])


def inactive_accounts(status: str | None = None) -> Iterator[pa.Table]:
    """Tables of INACTIVE_ACCOUNT: the accounts of that status, or all."""
    where, parameters = ("", []) if status is None else ("WHERE status = %s", [status])
    return _tables(InactiveAccount._meta.db_table, INACTIVE_ACCOUNT, where, parameters)


def gone_accounts(status: str) -> Iterator[pa.Table]:
    """The same of the accounts of that status, and of those that have opted out and are to be purged, each once. These
    are never applied: what comes later is purged, too."""
    where = f"""WHERE status = %s UNION ALL SELECT did, '', added_at, 0 FROM {OptOut._meta.db_table} WHERE purge
        AND did NOT IN (SELECT did FROM {InactiveAccount._meta.db_table} WHERE status = %s)"""  # noqa: S608 - our names
    return _tables(InactiveAccount._meta.db_table, INACTIVE_ACCOUNT, where, [status, status])


def opted_out_accounts() -> Iterator[pa.Table]:
    return _tables(OptOut._meta.db_table, ACCOUNT, "", [])


def profile_states(after: int, up_to: int) -> Iterator[pa.Table]:
    """Tables of PROFILE_STATE with `after` < id <= `up_to`."""
    return _tables(SignedInOnlyAccount._meta.db_table, PROFILE_STATE, "WHERE id > %s AND id <= %s", [after, up_to])


def _tables(table: str, schema: pa.Schema, where: str, parameters: Sequence[Any]) -> Iterator[pa.Table]:
    columns = ", ".join(_SOURCES.get(name, name) for name in schema.names)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {table} {where}", parameters)  # noqa: S608 - our own names
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            values = zip(*rows, strict=True)
            yield pa.table([_array(column, field) for column, field in zip(values, schema, strict=True)], schema)


def _array(values: Sequence[Any], field: pa.Field) -> pa.Array:
    if pa.types.is_boolean(field.type):  # the catalog's are true and false, those of an expression 1 and 0
        return pa.array(map(bool, values), field.type)
    return pa.array(values, field.type)
