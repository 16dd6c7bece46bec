"""From a dataset's events to its rows: one SELECT in DuckDB."""

from datetime import datetime
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from lake.catalog.clock import Turn
from lake.flush.statements import typed
from lake.schema import STATE, Dataset
from lake.storage import layout
from lake.storage.duckdb_engine import Engine

HOUR_US = 3_600_000_000
_LEARNED = "CASE WHEN seen <= make_timestamp($passed) THEN make_timestamp($learned) END"


class DatasetRows(NamedTuple):
    """`rows`: the columns of the schema, in the order of ingestion. `type_mismatches`: how many have a key of another
    type than its column."""

    rows: pa.Table
    type_mismatches: int


def rows_of(engine: Engine, dataset: Dataset, events: pa.Table, turn: Turn) -> DatasetRows:
    """`turn`: says which rows are late. May be called from several threads. Raises Unreadable."""
    made = dict.fromkeys(STATE, "NULL") | {"learned": _LEARNED}
    columns = ", ".join(
        f"CAST({made[column.name]} AS {column.type}) AS {column.name}" if column.name in made else column.name
        for column in dataset.columns
    )
    sql = f"SELECT {columns}, type_mismatch(extra, created_at) AS mismatch FROM ({typed(dataset)}) ORDER BY n"
    table = engine.table(sql, turn_values(turn), received=events)
    return DatasetRows(table.drop_columns("mismatch"), int(pc.sum(table["mismatch"], min_count=0).as_py()))


def turn_values(turn: Turn) -> dict[str, int]:
    """As parameters of SQL."""
    return {"passed": turn.passed_us, "learned": turn.learned_us}


def by_hour(table: pa.Table) -> dict[datetime, pa.Table]:
    """The table's rows by the hour of `seen`."""
    hours = pc.divide(seen_us(table), HOUR_US)
    if len(distinct := pc.unique(hours)) == 1:
        return {layout.hour_of(distinct[0].as_py() * HOUR_US): table}
    return {layout.hour_of(hour * HOUR_US): table.filter(pc.equal(hours, hour)) for hour in distinct.to_pylist()}


def seen_us(table: pa.Table) -> pa.ChunkedArray:
    """`seen` in microseconds since 1970."""
    return table["seen"].cast(pa.int64())
