"""From the buffer to the lake. A batch exists when its commit does; until then its files are orphans.

One batch, in this order and no other: read, write the files, rename them, commit, write the marker, trim the buffer. A
process killed between two of these steps loses nothing and repeats nothing: what was not trimmed is read again and
folds.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.compute as pc
import structlog
from django.db.utils import DatabaseError

from ingest.buffer.entries import Cursor, Entries
from ingest.buffer.redis_stream import Buffer
from ingest.events import Drop, DropReason
from lake.catalog import commits, lake_root, orphans
from lake.catalog.commits import Commit
from lake.catalog.identity import Claim
from lake.errors import LakeUnusable
from lake.flush import batch_run, deletions, metrics, publish
from lake.flush.dataset_rows import by_hour, rows_of
from lake.flush.dedupe import NewEvents, dedupe
from lake.flush.event_tables import EventTables, load
from lake.flush.statements import new_engine
from lake.models import BatchRun
from lake.schema import DATASETS
from lake.storage import layout, parquet_writer
from lake.storage.origin import Batch, Origin, Writer
from lake.storage.parquet_writer import PendingFile
from process.crash_points import crash_point
from process.instants import now_us

log = structlog.get_logger("flusher")

BATCH_BYTES = 48 * 1024 * 1024  # of frames, and one more such batch is read ahead: bounds memory whatever the load
# Set aside in one flush because of errors that nobody foresaw. So many are no odd events but a bug that meets them all:
# better to stop, with the rest in the buffer, than to make dead letters of it.
MOST_UNEXPECTED = 100


class Flusher:
    """Writes batches. After BufferUnavailable `buffer` must be connected anew; the next flush then begins at the
    buffer's beginning, for Redis may have come back with other entries."""

    def __init__(self, buffer: Buffer, root: Path, max_events: int, threads: int = 2) -> None:
        self._buffer = buffer
        self._root = root
        self._max_events = max_events
        self._claim = Claim(root, Writer.FLUSH)
        self._engine = new_engine(threads)
        self._threads = ThreadPoolExecutor(threads, "dataset")
        self._reader = ThreadPoolExecutor(1, "reader")
        self._loader = ThreadPoolExecutor(1, "loader")
        self._reading: Future[Entries] = Future()
        self._unexpected = 0  # events set aside so in this flush

    def prepare(self) -> None:
        """To be called once, before the first batch. Raises LakeUnusable when the lake is not the catalog's."""
        orphans.take_lake(self._root, self._claim, layout.is_flush_file)

    def flush(self, stop: Callable[[], bool] = lambda: False) -> int:
        """Writes what the buffer holds now, in batches; how many entries that were. A stop ends it between batches."""
        until = self._buffer.newest_id()
        done = self._unexpected = 0
        if until is None:
            return done
        try:
            entries, events = self._take_ahead(None, until).result()
            while entries and not stop():
                crash_point("flush:read")
                ahead = self._take_ahead(entries.ids[-1], until)
                self._flush(entries, events)
                done += len(entries)
                entries, events = ahead.result()
        finally:
            wait([self._reading])  # it must not go on beside whoever uses the buffer next
        return done

    def _take_ahead(self, after: bytes | None, until: bytes) -> "Future[tuple[Entries, EventTables | None]]":
        """The next entries, read and loaded while the batch before them is written."""
        self._reading = self._reader.submit(self._buffer.read, after, until, self._max_events, BATCH_BYTES)
        return self._loader.submit(_loaded, self._reading)

    def _flush(self, entries: Entries, events: EventTables | None = None) -> None:
        """One batch; when its data can't be written, whatever the error, its halves, down to the one event that is set
        aside: no event stops the line."""
        started = time.time()
        try:
            run = self._write(entries, load(entries) if events is None else events, started)
        except (LakeUnusable, DatabaseError) as error:  # our own state is at fault, not an event
            with suppress(DatabaseError):  # the database may be on the same full disk
                self._failed(entries, started, error)
            raise
        except Exception as error:  # noqa: BLE001
            self._failed(entries, started, error)
            self._divide(entries, error)
        else:
            self._done(run, self._trim(entries.ids[-1]))

    def _divide(self, entries: Entries, error: Exception) -> None:
        if len(entries) == 1:
            self._set_aside(entries, error)
            return
        middle = len(entries) // 2
        for half in (entries.part(0, middle), entries.part(middle, len(entries))):
            self._flush(half)

    def _write(self, entries: Entries, events: EventTables, started: float) -> BatchRun:
        lake_root.require_lake_root(self._root)
        change = self._change(entries, dedupe(self._engine, self._root, events), started)
        crash_point("flush:written")
        publish.publish(self._root, [pending for pending, _ in change.files])
        crash_point("flush:renamed")
        change.run.seconds = time.time() - started
        self._claim.check()
        try:
            commits.commit(change, self._claim.reach)
        except DatabaseError as error:
            # The files stay: only the next start can tell whether the catalog lists them.
            raise LakeUnusable(
                f"The catalog can't be written ({error}): mend that, then start again. Nothing is lost."
            ) from error
        crash_point("flush:committed")
        self._claim.mark()
        return change.run

    def _change(self, entries: Entries, new: NewEvents, started: float) -> Commit:
        """Writes the batch's files, without names yet, and gathers all that the commit will say."""
        origin = self._origin(entries, started)
        first_id = entries.ids[0].decode()
        written: list[tuple[PendingFile, int]] = []

        def write(name: str) -> int:
            dataset, events = DATASETS[name], new.tables[name]
            impossible = by_hour(events.filter(pc.is_valid(events["impossible_time_us"])))
            typed = rows_of(self._engine, dataset, events)
            for hour, rows in by_hour(typed.rows).items():
                at_ingest_time = impossible[hour].num_rows if hour in impossible else 0
                file_name = publish.free_name(self._root, dataset, hour, first_id)
                metadata = replace(origin, at_ingest_time=at_ingest_time).metadata()
                pending = parquet_writer.write(self._root, dataset, hour, file_name, rows, metadata)
                written.append((pending, at_ingest_time))
            return typed.type_mismatches

        largest_first = sorted(new.tables, key=lambda name: -new.tables[name].num_rows)
        writing = [self._threads.submit(write, name) for name in largest_first if new.tables[name].num_rows]
        try:
            tombstones = deletions.tombstones(self._engine, self._root, new)
            accounts = deletions.account_states(self._engine, self._root, new)
            mismatches = sum(future.result() for future in writing)
            run = batch_run.committed(entries, new, [pending for pending, _ in written])
            run.misfits = mismatches
            run.started_at = datetime.fromtimestamp(started, UTC)
            return Commit(run, written, tombstones, accounts, origin.cursor)
        except BaseException:
            wait(writing)  # what a thread still writes must be withdrawn as well
            publish.withdraw(self._root, [pending for pending, _ in written])
            raise

    def _origin(self, entries: Entries, started: float) -> Origin:
        catalog_, writer, number = self._claim.next()
        batch = Batch(entries.ids[0].decode(), entries.ids[-1].decode(), datetime.fromtimestamp(started, UTC))
        return Origin(catalog_, writer, number, number, Cursor.decode(entries.cursors[-1]), batch=batch)

    def _trim(self, last_id: bytes) -> int:
        self._claim.check()
        wait([self._reading])  # on the same connection
        trimmed = self._buffer.trim(last_id)
        crash_point("flush:trimmed")
        return trimmed

    def _failed(self, entries: Entries, started: float, error: Exception) -> None:
        metrics.BATCHES.labels("failed").inc()
        run = batch_run.failed(entries, started, error)
        log.error(
            "batch failed",
            first=run.first_id,
            last=run.last_id,
            events=run.events,
            error=run.error,
            exc_info=None if batch_run.is_expected(error) else error,
        )
        run.save()

    def _set_aside(self, entries: Entries, error: Exception) -> None:
        """A dead letter of this one event. Raises BufferFull while there is no room for it."""
        if not batch_run.is_expected(error):
            if self._unexpected == MOST_UNEXPECTED:
                cause = batch_run.describe_error(error)
                raise LakeUnusable(
                    f"{MOST_UNEXPECTED} events of this flush could not be written because of {cause}. "
                    "Nothing is lost: the rest waits in the buffer. Report it, install a mended version, start again."
                ) from error
            self._unexpected += 1
        log.error("event set aside as a dead letter", id=entries.ids[0].decode(), error=batch_run.describe_error(error))
        wait([self._reading])
        self._buffer.set_aside([Drop(entries.frames[0], DropReason.POISON)])
        metrics.POISONED.inc()
        self._trim(entries.ids[0])

    def _done(self, run: BatchRun, trimmed: int) -> None:
        metrics.BATCHES.labels("committed").inc()
        metrics.BATCH_SECONDS.observe(run.seconds)
        metrics.DUPLICATES.inc(run.duplicates)
        metrics.MISFITS.inc(run.misfits)
        for name, rows in run.rows.items():
            metrics.ROWS.labels(name).inc(rows)
        if run.last_seen:
            metrics.LAG.labels("searchable").set(now_us() / 1e6 - run.last_seen.timestamp())
        log.info(
            "flushed",
            batch=run.pk,
            first=run.first_id,
            last=run.last_id,
            events=run.events,
            duplicates=run.duplicates,
            files=run.files.count(),
            trimmed=trimmed,
            seconds=round(run.seconds, 2),
            **run.rows,
        )


def _loaded(reading: "Future[Entries]") -> tuple[Entries, EventTables | None]:
    entries = reading.result()
    with suppress(Exception):  # the batch tries again, and reports
        return entries, load(entries)
    return entries, None
