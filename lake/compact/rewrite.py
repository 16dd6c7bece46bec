"""Rewrites one partition: its files' rows, in the order in which they are looked up, with their states, in one file.

DuckDB sorts in bounded memory and hands the rows over in order; each row group is written as soon as it is full.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import structlog

from lake.compact.plan import RewriteJob
from lake.errors import LakeUnusable, Stopped
from lake.schema import DATASETS, STATEFUL, Column, Dataset
from lake.storage import derived_cids, layout, parquet_options, parquet_writer
from lake.storage.duckdb_engine import Engine, limited, read_sql
from lake.storage.origin import Origin
from lake.storage.parquet_writer import PendingFile
from process.instants import now_us

log = structlog.get_logger("compaction")

SQL = Path(__file__).parent / "sql"
KEPT_WHEN_PURGED = ("seen", "did", "rkey", "rev", "operation", "collection", "state", "state_seen")


class Rewritten(NamedTuple):
    """The file that takes the place of others; it has no name yet. `folded`: rows that repeated another's key.
    `purged`: rows that lost their text now; `unpurged`: deleted ones that keep it; `dead`: the numbers of all deleted.
    """

    pending: PendingFile
    folded: int
    purged: int
    unpurged: int
    dead: Sequence[int]


def rewrite(
    engine: Engine, root: Path, job: RewriteJob, purge: bool, stop: Callable[[], bool], origin: Origin
) -> Rewritten:
    """Needs the tables of tombstones in the engine where the dataset's rows have states. Raises Stopped, and
    LakeUnusable when a file is missing, or when the file would not hold exactly the rows of the others."""
    dataset = DATASETS[job.dataset]
    name = _free_name(root / layout.partition(dataset.name, job.hour))
    style = parquet_options.COMPACTED[dataset.name]
    sources = [str(root / file.path) for file in job.files]
    values: dict[str, Any] = {"files": sources}
    if dataset.name in STATEFUL:
        values["purge"] = purge
    rows, distinct = count(engine, dataset, sources)
    notes = origin.notes()
    seen = _Seen(notes, purge)
    with limited(engine.cursor()) as session:
        sql = _select(dataset, folds=distinct < job.rows)
        reader = session.sql(sql, params=values).to_arrow_reader(style.group_rows)
        parts = seen.passing(_grouped(reader, style.group_rows, stop))
        if derived_cids.are_derived(dataset):
            parts = derived_cids.CidRemover(dataset, notes).passing(parts)
        pending = parquet_writer.write_parts(root, dataset, job.hour, name, parts, job.rows, style, notes)
    if (rows, pending.rows) != (job.rows, distinct):
        discard(root, pending)
        raise LakeUnusable(
            f"{job.dataset} of {job.hour:%Y-%m-%d %H}:00: the catalog says {job.rows} rows, its files hold {rows} and "
            f"{distinct} keys, written were {pending.rows}. Nothing was changed: run verify_lake, then start again."
        )
    folded = job.rows - distinct
    if folded:
        log.warning("rows folded that a file held twice", dataset=job.dataset, hour=job.hour.isoformat(), rows=folded)
    return Rewritten(pending, folded, seen.had_text - seen.unpurged, seen.unpurged, seen.dead)


def discard(root: Path, pending: PendingFile) -> None:
    """Removes a file that got no name."""
    (root / pending.folder / layout.temporary_name(pending.name)).unlink(missing_ok=True)


def _free_name(folder: Path) -> str:
    """Never one that was used before: whoever has read the file of that name would take it for unchanged."""
    ms = now_us() // 1000
    while (folder / (name := layout.compacted_name(ms))).exists():
        ms += 1
    return name


def count(engine: Engine, dataset: Dataset, sources: list[str]) -> tuple[int, int]:
    """How many rows and how many different keys the files hold: by hash, and exactly only where hashes repeat."""
    keys_, files_ = keys(dataset), "read_parquet($1, hive_partitioning = false) AS s"
    rows, distinct = engine.rows(f"SELECT count(*), count(DISTINCT hash({keys_})) FROM {files_}", [sources])[0]
    if rows != distinct:
        distinct = engine.rows(f"SELECT count(*) FROM (SELECT DISTINCT {keys_} FROM {files_})", [sources])[0][0]
    return rows, distinct


def keys(dataset: Dataset) -> str:
    """What makes a row of `s` the same event as another one."""
    return ", ".join(part.format(row="s") for part in dataset.key)


def _select(dataset: Dataset, folds: bool) -> str:
    """The rows in their order, and whether each is deleted and had its text until now. `folds`: one row of each key,
    the deleted one first."""
    stateful = dataset.name in STATEFUL
    columns = ", ".join(_column(column, stateful) for column in dataset.columns)
    held = [f"s.{name} IS NOT NULL" for name in dataset.names if name not in KEPT_WHEN_PURGED]
    had_text = f"s.state = 'deleted' AND ({' OR '.join(held)})" if stateful else "false"
    fold = f"QUALIFY row_number() OVER (PARTITION BY {keys(dataset)} ORDER BY s.state NULLS LAST, s.seen) = 1"
    return (
        f"SELECT {columns}, {had_text} AS had_text FROM ({_source(dataset)}) AS s {fold if folds else ''} "
        f"ORDER BY {', '.join(f's.{name}' for name in sort_columns(dataset))}"
    )


def _source(dataset: Dataset) -> str:
    if derived_cids.are_derived(dataset):
        return read_sql(SQL / "left_out.sql")
    if dataset.name not in STATEFUL:
        return "SELECT * FROM read_parquet($files, hive_partitioning = false)"
    collection = f"'{dataset.collection}'" if dataset.collection else "s.collection"
    return read_sql(SQL / "states.sql").format(collection=collection)


def _column(column: Column, stateful: bool) -> str:
    value = f"s.{column.name}::{column.type}"
    if stateful and column.name not in KEPT_WHEN_PURGED:
        value = f"CASE WHEN s.purged THEN NULL ELSE {value} END"
    return f"{value} AS {column.name}"


def sort_columns(dataset: Dataset) -> tuple[str, ...]:
    """The columns that a compacted file is sorted by: what the dataset is asked by, seen, and the rest of the key, so
    that the same rows always come in the same order."""
    first = ("collection", "rkey", "did") if dataset.name == "deletes" else tuple(filter(None, [dataset.subject]))
    return tuple(dict.fromkeys((*first, "seen", *dataset.key_columns)))


def _grouped(batches: Iterable[pa.RecordBatch], size: int, stop: Callable[[], bool]) -> Iterator[pa.Table]:
    """Tables of exactly `size` rows, the last one of what is left."""
    waiting: list[pa.RecordBatch] = []
    for batch in _readable(batches):
        if stop():
            raise Stopped
        waiting.append(batch)
        while sum(part.num_rows for part in waiting) >= size:
            table = pa.Table.from_batches(waiting)
            yield table.slice(0, size)
            waiting = table.slice(size).to_batches()
    if any(part.num_rows for part in waiting):
        yield pa.Table.from_batches(waiting)


def _readable(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Out of an Arrow stream DuckDB's errors come as OSError."""
    try:
        yield from batches
    except OSError as error:
        raise LakeUnusable(f"The rows can't be compacted: {str(error).splitlines()[0][:300]}") from error


class _Seen:
    """What the rows tell of states while they are written; in the end the notes say it, too."""

    def __init__(self, notes: dict[str, str], purge: bool) -> None:
        self._notes, self._purge = notes, purge
        self.rows = self.had_text = 0
        self.dead = array("I")

    def passing(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """The tables as they are to be written."""
        for table in tables:
            self.had_text += pc.sum(table["had_text"], min_count=0).as_py()
            dead = pc.indices_nonzero(pc.fill_null(pc.equal(table["state"], "deleted"), False))
            self.dead.extend(pc.add(dead.cast(pa.int64()), self.rows).to_pylist())
            self.rows += table.num_rows
            yield table.drop_columns("had_text")
        self._notes["unpurged"] = str(self.unpurged)

    @property
    def unpurged(self) -> int:
        return 0 if self._purge else self.had_text
