"""The row that tells of a batch: what it wrote, or why it could not be written."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
from django.db.utils import DatabaseError

from ingest.buffer.entries import Entries
from lake.errors import LakeUnusable, QueryTooLarge
from lake.flush.dataset_rows import seen_us
from lake.flush.dedupe import NewEvents
from lake.models import BatchRun
from lake.storage.duckdb_engine import Unreadable
from lake.storage.parquet_writer import PendingFile
from process import instants

MINUTE_US = 60_000_000


def committed(entries: Entries, new: NewEvents, written: Sequence[PendingFile]) -> BatchRun:
    """Of a batch that is to be committed."""
    rows: dict[str, int] = {}
    for pending in written:
        rows[pending.dataset] = rows.get(pending.dataset, 0) + pending.rows
    seen = pa.concat_tables(table.select(["seen"]) for table in new.tables.values())
    first, last = (end.as_py() for end in pc.min_max(seen_us(seen)).values())
    return BatchRun(
        state=BatchRun.State.COMMITTED,
        first_id=entries.ids[0].decode(),
        last_id=entries.ids[-1].decode(),
        first_seen=None if first is None else instants.utc(first),
        last_seen=None if last is None else instants.utc(last),
        events=len(entries),
        duplicates=len(entries) - sum(rows.values()),
        rows=rows,
        minutes=_minutes(seen),
        bytes_in=sum(map(len, entries.frames)),
        bytes_out=sum(pending.bytes for pending in written),
    )


def _minutes(seen: pa.Table) -> dict[str, int]:
    """New rows per minute of seen, as `YYYY-MM-DDTHH:MM`."""
    counts = pc.value_counts(pc.divide(seen_us(seen), MINUTE_US)).to_pylist()
    rows = sorted((row["values"], row["counts"]) for row in counts)
    return {f"{instants.utc(minute * MINUTE_US):%Y-%m-%dT%H:%M}": count for minute, count in rows}


def failed(entries: Entries, started: float, error: Exception) -> BatchRun:
    """`started`: seconds since 1970."""
    return BatchRun(
        started_at=datetime.fromtimestamp(started, UTC),
        seconds=time.time() - started,
        state=BatchRun.State.FAILED,
        error=describe_error(error),
        first_id=entries.ids[0].decode(),
        last_id=entries.ids[-1].decode(),
        events=len(entries),
    )


def is_expected(error: Exception) -> bool:
    """Whether such data is known to come; all else is a bug of ours."""
    return isinstance(error, Unreadable | QueryTooLarge | LakeUnusable | DatabaseError)


def describe_error(error: Exception) -> str:
    return str(error) if is_expected(error) else f"{type(error).__name__}: {error}"
