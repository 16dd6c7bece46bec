"""From events to new events: each once, and only those that the lake does not have yet."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from lake.catalog import listing, read_guard
from lake.flush.dataset_rows import by_hour, seen_us
from lake.flush.event_tables import EventTables
from lake.flush.statements import statement, typed
from lake.schema import DATASETS, Dataset
from lake.storage import parquet_writer
from lake.storage.duckdb_engine import Engine


@dataclass(frozen=True)
class NewEvents:
    """`nearby_posts`: did, rkey and rev of what the lake holds of the same posts at about the same time."""

    tables: EventTables
    nearby_posts: pa.Table


def dedupe(engine: Engine, root: Path, events: EventTables) -> NewEvents:
    """`root`: LAKE_ROOT."""
    once = {name: _without_repeats(engine, table) for name, table in events.items()}
    nearby = {name: _nearby(engine, root, DATASETS[name], table) for name, table in once.items()}
    new = {name: _without_known(engine, DATASETS[name], table, nearby[name]) for name, table in once.items()}
    return NewEvents(new, nearby["posts"])


def _without_repeats(engine: Engine, events: pa.Table) -> pa.Table:
    if events.num_rows < 2:
        return events
    return _without(events, engine.table(statement("repeats"), event=events))


def _nearby(engine: Engine, root: Path, dataset: Dataset, events: pa.Table) -> pa.Table:
    """The key columns of the lake's rows among which some of these events may be."""
    keys = pa.schema([parquet_writer.schema(dataset).field(name) for name in dataset.key_columns])
    if not events.num_rows:
        return keys.empty_table()
    impossible = pc.is_valid(events["impossible_time_us"])
    hours = by_hour(events.filter(pc.invert(impossible)))
    ranges = [tuple(end.as_py() for end in pc.min_max(seen_us(part)).values()) for part in hours.values()]
    find = partial(listing.paths_near, dataset.name, ranges, pc.any(impossible).as_py())

    def read(paths: list[str]) -> pa.Table:
        files = [str(root / path) for path in paths]
        return engine.table(_candidates(dataset), {"files": files}, event=events) if files else keys.empty_table()

    return read_guard.read_current(find, read)


def _candidates(dataset: Dataset) -> str:
    """A rev is of one commit, and most batches are all new: few rows of the files have a rev of theirs. tombstones()
    needs the other versions of posts, too; account events have no rev."""
    column = {"posts": "did", "accounts": "did"}.get(dataset.name, "rev")
    condition = f"{column} IN (SELECT {column} FROM event)"
    return f"SELECT {', '.join(dataset.key_columns)} FROM lake_rows($files) WHERE {condition}"


def _without_known(engine: Engine, dataset: Dataset, events: pa.Table, nearby: pa.Table) -> pa.Table:
    if not nearby.num_rows:
        return events
    new = engine.table(typed(dataset), received=events) if dataset.name == "accounts" else events
    sql = f"SELECT new.n FROM new SEMI JOIN nearby ON {_same_key(dataset)}"
    return _without(events, engine.table(sql, new=new, nearby=nearby))


def _same_key(dataset: Dataset) -> str:
    pairs = ((part.format(row="new"), part.format(row="nearby")) for part in dataset.key)
    return " AND ".join(f"{new} IS NOT DISTINCT FROM {old}" for new, old in pairs)


def _without(events: pa.Table, numbers: pa.Table) -> pa.Table:
    """`numbers`: the n of the events to leave out."""
    return events.filter(pc.invert(pc.is_in(events["n"], numbers["n"]))) if numbers.num_rows else events
