"""Rewrites one partition: its files' rows, in the order in which they are looked up, with their states, in one file.

DuckDB sorts in bounded memory and hands the rows over in order; each row group is written as soon as it is full.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import structlog

from lake.compact import rewrite_sql
from lake.compact.plan import RewriteJob
from lake.compact.tombstones import DeletionSnapshot
from lake.errors import LakeUnusable, Stopped
from lake.schema import DATASETS, STATEFUL, Dataset
from lake.storage import derived_cids, layout, parquet_options, parquet_writer
from lake.storage.duckdb_engine import Engine, limited
from lake.storage.origin import Origin
from lake.storage.parquet_writer import PendingFile
from process.instants import now_us

log = structlog.get_logger("compaction")


class Rewritten(NamedTuple):
    """The file that replaces those of a job; it has no name yet.

    repeated  how many rows were dropped because another one had their key
    purged    how many rows lost their text now
    unpurged  how many deleted rows keep it
    deleted, superseded  row numbers of all rows in this state
    """

    pending: PendingFile
    repeated: int
    purged: int
    unpurged: int
    deleted: Sequence[int]
    superseded: Sequence[int]


def rewrite(
    engine: Engine,
    root: Path,
    job: RewriteJob,
    deletions: DeletionSnapshot | None,
    purge: bool,
    origin: Origin,
    stop: Callable[[], bool],
) -> Rewritten:
    """`deletions`: None only for a dataset whose rows have no states. `purge`: deleted rows lose their text. Raises
    Stopped, and LakeUnusable if a file is missing or the new one would not hold exactly the rows of the others."""
    dataset, sources = DATASETS[job.dataset], [str(root / file.path) for file in job.files]
    rows, distinct = count(engine, dataset, sources)
    values: dict[str, Any] = {"files": sources}
    if dataset.name in STATEFUL:
        assert deletions is not None
        values |= {**deletions.parameters, "purge": purge}
    stream = _Stream(dataset, origin, purge)
    profile = parquet_options.COMPACTED[dataset.name]
    name = _free_name(root / layout.partition(dataset.name, job.hour))
    with limited(engine.cursor()) as session:
        sql = rewrite_sql.select(dataset, dedupe=distinct < job.rows)
        reader = session.sql(sql, params=values).to_arrow_reader(profile.group_rows)
        parts = stream.row_groups(_grouped(reader, profile.group_rows, stop))
        pending = parquet_writer.write_parts(root, dataset, job.hour, name, parts, job.rows, profile, stream.metadata)
    if (rows, pending.rows) != (job.rows, distinct):
        discard(root, pending)
        raise LakeUnusable(
            f"{job.dataset} of {job.hour:%Y-%m-%d %H}:00: the catalog says {job.rows} rows, its files hold {rows} and "
            f"{distinct} keys, written were {pending.rows}. Nothing was changed: run verify_lake, then start again."
        )
    repeated = job.rows - distinct
    if repeated:
        log.warning("dropped rows that were there twice", dataset=job.dataset, hour=job.hour.isoformat(), rows=repeated)
    return Rewritten(pending, repeated, stream.purged, stream.unpurged, *stream.by_state.values())


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
    """Rows and distinct keys of the files: by hash, and exactly only where hashes repeat."""
    key, files = rewrite_sql.key(dataset), "lake_rows($1) AS s"
    rows, distinct = engine.rows(f"SELECT count(*), count(DISTINCT hash({key})) FROM {files}", [sources])[0]
    if rows != distinct:
        distinct = engine.rows(f"SELECT count(*) FROM (SELECT DISTINCT {key} FROM {files})", [sources])[0][0]
    return rows, distinct


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


class _Stream:
    """Row groups on their way into the file: removes what it does not keep, and counts what its metadata says."""

    def __init__(self, dataset: Dataset, origin: Origin, purge: bool) -> None:
        self._dataset, self._origin, self._purge = dataset, origin, purge
        self._rows = self._had_text = 0
        self._cid_digests: list[str] = []
        self.by_state = {"deleted": array("I"), "superseded": array("I")}

    def row_groups(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        for table in tables:
            self._had_text += pc.sum(table["had_text"], min_count=0).as_py()
            for state, numbers in self.by_state.items():
                found = pc.indices_nonzero(pc.fill_null(pc.equal(table["state"], state), False))
                numbers.extend(pc.add(found.cast(pa.int64()), self._rows).to_pylist())
            self._rows += table.num_rows
            group = table.drop_columns("had_text")
            if derived_cids.are_derived(self._dataset):
                group, digest = derived_cids.remove(self._dataset, group)
                self._cid_digests.append(digest)
            yield group

    @property
    def purged(self) -> int:
        return self._had_text if self._purge else 0

    @property
    def unpurged(self) -> int:
        return 0 if self._purge else self._had_text

    def metadata(self) -> Mapping[str, str]:
        """Of the whole file, once all of its row groups have passed."""
        return replace(self._origin, unpurged=self.unpurged).metadata() | derived_cids.metadata(self._cid_digests)
