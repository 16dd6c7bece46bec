"""From the buffer to the lake. A batch exists when its commit does; until then its files are orphans.

One batch, in this order: read, write the files, rename them, commit, write the marker, trim the buffer. A process that
is killed between two of these steps loses nothing and repeats nothing: what was not trimmed is read again and
deduplicated.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import structlog
from django.db.utils import DatabaseError

from ingest.buffer.entries import Entries
from ingest.buffer.redis_stream import Buffer
from ingest.events import Drop, DropReason
from lake import metrics
from lake.catalog import orphans
from lake.catalog.identity import Claim
from lake.errors import LakeUnusable
from lake.flush import batch_run, profile_states
from lake.flush.batch_writer import BatchWriter
from lake.flush.event_tables import EventTables, load
from lake.flush.statements import new_engine
from lake.models import BatchRun
from lake.storage import layout
from lake.storage.origin import Writer
from process import heartbeats
from process.crash_points import crash_point

log = structlog.get_logger("flusher")

BATCH_BYTES = 48 * 1024 * 1024  # of frames; one more such batch is read ahead: bounds memory whatever the load
# Events set aside in one flush because of errors that are not expected. So many are no odd events but a bug that meets
# them all: better to stop, with the rest in the buffer, than to make dead letters of it.
MOST_UNEXPECTED = 100


class Flusher:
    """After BufferUnavailable `buffer` must be connected again. The next flush then starts at the buffer's beginning:
    Redis may have come back with other entries."""

    def __init__(self, buffer: Buffer, root: Path, max_events: int, threads: int = 2) -> None:
        self._buffer = buffer
        self._root = root
        self._max_events = max_events
        self._claim = Claim(root, Writer.FLUSH)
        self._engine = new_engine(threads)
        self._writer = BatchWriter(self._engine, root, self._claim, threads)
        self._reader = ThreadPoolExecutor(1, "reader")
        self._loader = ThreadPoolExecutor(1, "loader")
        self._reading: Future[Entries] = Future()
        self._unexpected = 0  # events of this flush that were set aside because of unexpected errors

    def prepare(self) -> None:
        """To be called once, before the first flush. Raises LakeUnusable if the lake is not the catalog's."""
        metrics.ORPHANS.set(orphans.take_lake(self._root, self._claim, layout.is_flush_file))
        profile_states.catch_up(self._engine, self._root)

    def flush(self, stop: Callable[[], bool] = lambda: False) -> int:
        """Writes what the buffer holds now, in batches, and returns the number of entries. A stop takes effect between
        batches."""
        until = self._buffer.newest_id()
        done = self._unexpected = 0
        if until is None:
            return done
        try:
            entries, events = self._take_ahead(None, until).result()
            while entries and not stop():
                crash_point("flush:read")
                heartbeats.work(f"writes a batch of {len(entries):,} events")
                ahead = self._take_ahead(entries.ids[-1], until)
                self._flush(entries, events)
                done += len(entries)
                entries, events = ahead.result()
        finally:
            wait([self._reading])  # it must not run beside the next user of the buffer
        return done

    def _take_ahead(self, after: bytes | None, until: bytes) -> "Future[tuple[Entries, EventTables | None]]":
        """The next entries, read and loaded while the batch before them is written."""
        self._reading = self._reader.submit(self._buffer.read, after, until, self._max_events, BATCH_BYTES)
        return self._loader.submit(_loaded, self._reading)

    def _flush(self, entries: Entries, events: EventTables | None = None) -> None:
        """One batch. If it can't be written, its halves, down to the one event that is set aside: no event stops the
        flusher."""
        started = datetime.now(UTC)
        try:
            run = self._writer.write(entries, load(entries) if events is None else events, started)
        except (LakeUnusable, DatabaseError) as error:  # our own state is at fault, not an event
            with suppress(DatabaseError):  # the database may be on the same full disk
                _report_failed(batch_run.failed(entries, started, error), error)
            raise
        except Exception as error:  # noqa: BLE001
            _report_failed(batch_run.failed(entries, started, error), error)
            self._divide(entries, error)
        else:
            _report(run, self._trim(entries.ids[-1]))

    def _divide(self, entries: Entries, error: Exception) -> None:
        if len(entries) == 1:
            self._set_aside(entries, error)
            return
        middle = len(entries) // 2
        for half in (entries.part(0, middle), entries.part(middle, len(entries))):
            self._flush(half)

    def _set_aside(self, entries: Entries, error: Exception) -> None:
        """Makes a dead letter of this one event. Raises BufferFull if there is no room for it."""
        description = batch_run.describe_error(error)
        if not batch_run.is_expected(error):
            if self._unexpected == MOST_UNEXPECTED:
                raise LakeUnusable(
                    f"{MOST_UNEXPECTED} events of this flush could not be written because of {description}. "
                    "Nothing is lost: the rest waits in the buffer. Report it, install a mended version, start again."
                ) from error
            self._unexpected += 1
        log.error("event set aside as a dead letter", id=entries.ids[0].decode(), error=description)
        wait([self._reading])
        self._buffer.set_aside([Drop(entries.frames[0], DropReason.POISON)])
        metrics.SET_ASIDE.inc()
        self._trim(entries.ids[0])

    def _trim(self, last_id: bytes) -> int:
        self._claim.check()
        wait([self._reading])  # it uses the same connection
        trimmed = self._buffer.trim(last_id)
        crash_point("flush:trimmed")
        return trimmed


def _loaded(reading: "Future[Entries]") -> tuple[Entries, EventTables | None]:
    entries = reading.result()
    with suppress(Exception):  # the batch tries again, and reports
        return entries, load(entries)
    return entries, None


def _report(run: BatchRun, trimmed: int) -> None:
    files = list(run.files.all())
    metrics.BATCHES.labels("committed").inc()
    metrics.BATCH_SECONDS.observe(run.seconds)
    metrics.DEDUPLICATED.inc(run.duplicates)
    metrics.TYPE_MISMATCHES.inc(run.misfits)
    metrics.JSON_BYTES.inc(run.bytes_in)
    for file in files:
        metrics.ROWS.labels(file.dataset).inc(file.rows)
        metrics.FILE_BYTES.labels(file.dataset).inc(file.bytes)
    if run.last_seen:
        metrics.LAG.labels("searchable").set(batch_run.seconds_since(run.last_seen))
    log.info(
        "flushed",
        batch=run.pk,
        first=run.first_id,
        last=run.last_id,
        events=run.events,
        duplicates=run.duplicates,
        files=len(files),
        trimmed=trimmed,
        seconds=round(run.seconds, 2),
        **run.rows,
    )


def _report_failed(run: BatchRun, error: Exception) -> None:
    metrics.BATCHES.labels("failed").inc()
    log.error(
        "batch failed",
        first=run.first_id,
        last=run.last_id,
        events=run.events,
        error=run.error,
        exc_info=None if batch_run.is_expected(error) else error,
    )
    run.save()
