"""From events to new events: each once, and only those that the lake does not have yet.

One statement for all datasets where that is possible. Planning a small one takes longer than running it, and it waits
for the interpreter lock, which the next batch's `load` holds meanwhile.
"""

from collections.abc import Callable, Mapping, Sequence
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
from lake.storage import layout, parquet_writer
from lake.storage.duckdb_engine import Engine

Numbers = Sequence[tuple[int]]  # rows of one n each


@dataclass(frozen=True)
class NewEvents:
    """`nearby_posts`: did, rkey and rev of what the lake holds of the same posts at about the same time."""

    tables: EventTables
    nearby_posts: pa.Table


def dedupe(engine: Engine, root: Path, events: EventTables) -> NewEvents:
    """`root`: LAKE_ROOT."""
    once = _without(events, engine.rows(statement("repeats"), event=pa.concat_tables(events.values())))
    nearby = _nearby(engine, root, once)
    known = [row for name, rows in nearby.items() for row in _known(engine, DATASETS[name], once[name], rows)]
    return NewEvents(_without(once, known), nearby.get("posts", _keys(DATASETS["posts"]).empty_table()))


def _without(events: EventTables, numbers: Numbers) -> EventTables:
    """`numbers`: the n of the events to leave out."""
    if not numbers:
        return events
    out = pa.array([n for (n,) in numbers])
    return {name: table.filter(pc.invert(pc.is_in(table["n"], out))) for name, table in events.items()}


def _nearby(engine: Engine, root: Path, events: EventTables) -> Mapping[str, pa.Table]:
    """The key columns of the lake's rows among which some of these events may be, by dataset."""

    def read(paths: list[str]) -> Mapping[str, pa.Table]:
        by_name = {name: [str(root / path) for path in paths if layout.dataset_of(path) == name] for name in events}
        files = {name: own for name, own in by_name.items() if own and events[name].num_rows}
        if not files:
            return {}
        sql = " UNION ALL BY NAME ".join(_candidates(DATASETS[name]) for name in files)
        rows = engine.table(sql, files, **{f"new_{name}": events[name] for name in files})
        return {name: rows.filter(pc.equal(rows["dataset"], name)) for name in files}

    return read_guard.read_current(_find(pa.concat_tables(events.values())), read)


def _find(events: pa.Table) -> Callable[[], list[str]]:
    """Asks the catalog which files may hold some of these events already."""
    impossible = pc.is_valid(events["impossible_time_us"])
    hours = by_hour(events.select(["seen"]).filter(pc.invert(impossible)))  # without copies of the bodies
    ranges = [tuple(end.as_py() for end in pc.min_max(seen_us(part)).values()) for part in hours.values()]
    return partial(listing.paths_near, ranges, pc.any(impossible, min_count=0).as_py())


def _candidates(dataset: Dataset) -> str:
    """A rev is of one commit, and most batches are all new: few rows of the files have a rev of theirs. tombstones()
    needs the other versions of posts, too; account events have no rev."""
    column = {"posts": "did", "accounts": "did"}.get(dataset.name, "rev")
    return f"""SELECT '{dataset.name}' AS dataset, {", ".join(dataset.key_columns)} FROM lake_rows(${dataset.name})
        WHERE {column} IN (SELECT {column} FROM new_{dataset.name})"""


def _keys(dataset: Dataset) -> pa.Schema:
    return pa.schema([parquet_writer.schema(dataset).field(name) for name in dataset.key_columns])


def _known(engine: Engine, dataset: Dataset, events: pa.Table, nearby: pa.Table) -> Numbers:
    """The events that are among the nearby rows."""
    column = "did" if dataset.name == "accounts" else "rev"
    suspects = events.filter(pc.is_in(events[column], nearby[column]))
    if not suspects.num_rows:
        return []
    new = engine.table(typed(dataset), received=suspects) if dataset.name == "accounts" else suspects
    sql = f"SELECT new.n FROM new SEMI JOIN nearby ON {_same_key(dataset)}"
    return engine.rows(sql, new=new, nearby=nearby)


def _same_key(dataset: Dataset) -> str:
    pairs = ((part.format(row="new"), part.format(row="nearby")) for part in dataset.key)
    return " AND ".join(f"{new} IS NOT DISTINCT FROM {old}" for new, old in pairs)
