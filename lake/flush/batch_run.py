"""The row that tells of a batch: what it wrote, or why it could not be written."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from django.db.utils import DatabaseError

from ingest.buffer.entries import Entries
from lake.errors import LakeUnusable, QueryTooLarge
from lake.flush.chunk import Chunk
from lake.models import BatchRun
from lake.storage.duckdb_engine import Unreadable
from lake.storage.parquet_writer import PendingFile
from process import instants


def committed(chunk: Chunk, entries: Entries, written: Sequence[PendingFile]) -> BatchRun:
    """Of a batch that is to be committed."""
    rows: dict[str, int] = {}
    for pending in written:
        rows[pending.dataset] = rows.get(pending.dataset, 0) + pending.rows
    span = chunk.span()
    return BatchRun(
        state=BatchRun.State.COMMITTED,
        first_id=entries.ids[0].decode(),
        last_id=entries.ids[-1].decode(),
        first_seen=instants.utc(span[0]) if span else None,
        last_seen=instants.utc(span[1]) if span else None,
        events=len(entries),
        duplicates=len(entries) - sum(rows.values()),
        rows=rows,
        minutes=chunk.minutes(),
        bytes_in=sum(map(len, entries.frames)),
        bytes_out=sum(pending.bytes for pending in written),
    )


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
