"""The SELECT that rewrites a partition: its rows in their order, with the states that deletions give them. Pure."""

from pathlib import Path

from lake.schema import STATEFUL, Column, Dataset
from lake.storage import derived_cids
from lake.storage.duckdb_engine import read_sql

SQL = Path(__file__).parent / "sql"
KEPT_WHEN_PURGED = (
    *("seen", "did", "rkey", "rev", "operation", "collection", "state", "state_seen", "learned", "arrival"),
)


def select(dataset: Dataset, dedupe: bool) -> str:
    """Reads $files, and where rows have states $tombstones, $deleted_accounts and $purge. Its columns: the dataset's,
    and `had_text`, whether the row is deleted and had its text until now. `dedupe`: one row of each key, the deleted
    one first."""
    stateful = dataset.name in STATEFUL
    columns = ", ".join(_column(column, stateful) for column in dataset.columns)
    had_text = f"s.state = 'deleted' AND ({has_text(dataset, 's.')})" if stateful else "false"
    earliest = "s.state NULLS LAST, coalesce(s.learned, s.seen)"
    first = f"QUALIFY row_number() OVER (PARTITION BY {key(dataset)} ORDER BY {earliest}) = 1"
    return (
        f"SELECT {columns}, {had_text} AS had_text FROM ({_source(dataset)}) AS s {first if dedupe else ''} "
        f"ORDER BY {', '.join(f's.{name}' for name in sort_columns(dataset))}"
    )


def key(dataset: Dataset) -> str:
    """What makes a row of `s` the same event as another one."""
    return ", ".join(part.format(row="s") for part in dataset.key)


def has_text(dataset: Dataset, row: str = "") -> str:
    """Whether a row has anything that purging removes. `row`: its prefix."""
    return " OR ".join(f"{row}{name} IS NOT NULL" for name in dataset.names if name not in KEPT_WHEN_PURGED)


def sort_columns(dataset: Dataset) -> tuple[str, ...]:
    """The columns that a compacted file is sorted by: what lookups ask for, seen, and the rest of the key, so that the
    same rows always have the same order."""
    first = ("collection", "rkey", "did") if dataset.name == "deletes" else tuple(filter(None, [dataset.subject]))
    return tuple(dict.fromkeys((*first, "seen", *dataset.key_columns)))


def _source(dataset: Dataset) -> str:
    if derived_cids.are_derived(dataset):
        return read_sql(SQL / "absent_cids.sql")
    if dataset.name not in STATEFUL:
        return "SELECT * FROM full_lake_rows($files)"
    return read_sql(SQL / "states.sql").format(tombstone=dataset.same_uri("s", "t"), mark=dataset.same_uri("s", "m"))


def _column(column: Column, stateful: bool) -> str:
    value = f"s.{column.name}::{column.type}"
    if stateful and column.name not in KEPT_WHEN_PURGED:
        value = f"CASE WHEN s.purged THEN NULL ELSE {value} END"
    return f"{value} AS {column.name}"
