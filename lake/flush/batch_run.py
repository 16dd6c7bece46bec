"""The row of BatchRun: what a batch wrote, or why it could not be written."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
from django.db.utils import DatabaseError

from ingest.buffer.entries import Entries
from lake.catalog.commits import NewFile
from lake.errors import LakeUnusable, QueryTooLarge
from lake.flush.dataset_rows import seen_us
from lake.flush.dedupe import NewEvents
from lake.models import BatchRun
from lake.storage.duckdb_engine import Unreadable
from process import instants

MINUTE_US = 60_000_000


def committed(
    entries: Entries, started: datetime, new: NewEvents, files: Sequence[NewFile], type_mismatches: int
) -> BatchRun:
    """Of a batch that is about to be committed."""
    rows: Counter[str] = Counter()
    for pending, *_ in files:
        rows[pending.dataset] += pending.rows
    seen = pa.concat_tables(table.select(["seen"]) for table in new.tables.values())
    first, last = (end.as_py() for end in pc.min_max(seen_us(seen)).values())
    return BatchRun(
        state=BatchRun.State.COMMITTED,
        started_at=started,
        seconds=seconds_since(started),
        first_id=entries.ids[0].decode(),
        last_id=entries.ids[-1].decode(),
        first_seen=None if first is None else instants.utc(first),
        last_seen=None if last is None else instants.utc(last),
        events=len(entries),
        duplicates=len(entries) - rows.total(),
        misfits=type_mismatches,
        rows=dict(rows),
        minutes=_minutes(seen),
        bytes_in=sum(map(len, entries.frames)),
        bytes_out=sum(pending.bytes for pending, *_ in files),
    )


def _minutes(seen: pa.Table) -> dict[str, int]:
    """New rows per minute of seen, as `YYYY-MM-DDTHH:MM`."""
    counts = pc.value_counts(pc.divide(seen_us(seen), MINUTE_US)).to_pylist()
    rows = sorted((row["values"], row["counts"]) for row in counts)
    return {f"{instants.utc(minute * MINUTE_US):%Y-%m-%dT%H:%M}": count for minute, count in rows}


def failed(entries: Entries, started: datetime, error: Exception) -> BatchRun:
    return BatchRun(
        state=BatchRun.State.FAILED,
        started_at=started,
        seconds=seconds_since(started),
        error=describe_error(error),
        first_id=entries.ids[0].decode(),
        last_id=entries.ids[-1].decode(),
        events=len(entries),
    )


def seconds_since(started: datetime) -> float:
    return (datetime.now(UTC) - started).total_seconds()


def is_expected(error: Exception) -> bool:
    """Whether data or the environment is known to cause it; any other error is a bug."""
    return isinstance(error, Unreadable | QueryTooLarge | LakeUnusable | DatabaseError)


def describe_error(error: Exception) -> str:
    return str(error) if is_expected(error) else f"{type(error).__name__}: {error}"
