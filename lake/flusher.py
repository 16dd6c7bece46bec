"""From the buffer to the lake. A batch exists when its commit does; until then its files are orphans.

One batch, in this order and no other: read, write the files, rename them, commit, trim the buffer. A process killed
between two of these steps loses nothing and repeats nothing: what was not trimmed is read again and folds.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import structlog
from django.db.utils import DatabaseError

from ingest.buffer import Buffer, Cursor, Entries
from ingest.events import Drop, DropReason
from ingest.process import crash_point, now_us
from lake import catalog, files, layout, metrics
from lake.catalog import Commit
from lake.engine import Engine, Unreadable
from lake.errors import LakeUnusable, QueryTooLarge
from lake.files import Pending
from lake.models import BatchRun
from lake.schema import Dataset
from lake.transform import Chunk, Partition, of_hour

log = structlog.get_logger("flusher")

CHUNK_BYTES = 64 * 1024 * 1024  # of frames: bounds the memory of a batch whatever the load
MEMORY = "600MB"  # DuckDB's part; the process stays below 1 GiB
MUST_EXIST = 20  # newest listed files whose absence means that another disk, or none, is mounted


class Flusher:
    """Writes batches. After BufferUnavailable `buffer` must be connected anew; the next flush then begins at the
    buffer's beginning, for Redis may have come back with other entries."""

    def __init__(self, buffer: Buffer, root: Path, max_events: int, threads: int = 2) -> None:
        self._buffer = buffer
        self._root = root
        self._max_events = max_events
        self._engine = Engine(MEMORY, threads)
        self._threads = ThreadPoolExecutor(threads, "dataset")
        self._reader = ThreadPoolExecutor(1, "reader")
        self._ahead: Future[Entries] | None = None

    def prepare(self) -> None:
        """To be called once, before the first batch. Raises LakeUnusable when the lake is not the catalog's."""
        require_lake(self._root)
        remove_orphans(self._root)

    def flush(self, stop: Callable[[], bool] = lambda: False) -> int:
        """Writes what the buffer holds now, in batches; how many entries that were. A stop ends it between batches."""
        until = self._buffer.newest_id()
        done = 0
        if until is not None:
            entries = self._read(None, until)
            while entries and not stop():
                crash_point("flush:read")
                self._ahead = self._reader.submit(self._read, entries.ids[-1], until)
                self._flush(entries)
                done += len(entries)
                entries = self._ahead.result()
        return done

    def _read(self, after: bytes | None, until: bytes) -> Entries:
        return self._buffer.read(after, until, self._max_events, CHUNK_BYTES)

    def _flush(self, entries: Entries) -> None:
        """One batch; when its data can't be written, its halves, down to the one event that is set aside."""
        started = time.time()
        try:
            run = self._write(entries, started)
        except (Unreadable, QueryTooLarge) as error:
            self._failed(entries, started, error)
            if len(entries) == 1:
                self._set_aside(entries, error)
                return
            middle = len(entries) // 2
            self._flush(entries.part(0, middle))
            self._flush(entries.part(middle, len(entries)))
            return
        except LakeUnusable as error:
            with suppress(DatabaseError):  # the database may be on the same full disk
                self._failed(entries, started, error)
            raise
        self._done(run, self._trim(entries.ids[-1]))

    def _write(self, entries: Entries, started: float) -> BatchRun:
        require_lake(self._root)
        chunk = Chunk(self._engine, self._root)
        chunk.load(entries)
        chunk.fold()
        change = self._change(chunk, entries)
        crash_point("flush:written")
        publish(self._root, [pending for pending, _ in change.files])
        crash_point("flush:renamed")
        change.run.started_at = datetime.fromtimestamp(started, UTC)
        change.run.seconds = time.time() - started
        try:
            catalog.commit(change)
        except DatabaseError as error:
            # The files stay: only the next start can tell whether the catalog lists them.
            raise LakeUnusable(f"The catalog can't be written ({error}): mend that, then start again. Nothing is lost.") from error
        crash_point("flush:committed")
        return change.run

    def _change(self, chunk: Chunk, entries: Entries) -> Commit:
        """Writes the chunk's files, without names yet, and gathers all that the commit will say."""
        partitions = chunk.partitions()
        first_id = entries.ids[0].decode()
        datasets = list(dict.fromkeys(partition.dataset for partition in partitions))
        written: list[tuple[Pending, int]] = []

        def write(dataset: Dataset) -> int:
            table, misfits = chunk.rows(dataset)
            for partition in partitions:
                if partition.dataset == dataset:
                    name = free_name(self._root, partition, first_id)
                    rows = of_hour(table, partition.hour)
                    written.append((files.write(self._root, dataset, partition.hour, name, rows), partition.arrived))
            return misfits

        tombstones, accounts = self._threads.submit(chunk.tombstones), self._threads.submit(chunk.accounts)
        try:
            misfits = sum(self._threads.map(write, datasets))
            run = describe(chunk, entries, [pending for pending, _ in written])
            run.misfits = misfits
            return Commit(run, written, tombstones.result(), accounts.result(), Cursor.decode(entries.cursors[-1]))
        except BaseException:
            withdraw(self._root, [pending for pending, _ in written])
            raise

    def _trim(self, last_id: bytes) -> int:
        if self._ahead is not None:
            wait([self._ahead])  # it reads on the same connection
        trimmed = self._buffer.trim(last_id)
        crash_point("flush:trimmed")
        return trimmed

    def _failed(self, entries: Entries, started: float, error: Exception) -> None:
        metrics.BATCHES.labels("failed").inc()
        run = BatchRun(
            started_at=datetime.fromtimestamp(started, UTC),
            seconds=time.time() - started,
            state=BatchRun.State.FAILED,
            error=str(error),
            first_id=entries.ids[0].decode(),
            last_id=entries.ids[-1].decode(),
            events=len(entries),
        )
        log.error("batch failed", first=run.first_id, last=run.last_id, events=run.events, error=run.error)
        run.save()

    def _set_aside(self, entries: Entries, error: Exception) -> None:
        """A dead letter of this one event. Raises BufferFull while there is no room for it."""
        log.error("event set aside as a dead letter", id=entries.ids[0].decode(), error=str(error))
        if self._ahead is not None:
            wait([self._ahead])
        self._buffer.set_aside([Drop(entries.frames[0], DropReason.POISON)])
        metrics.POISONED.inc()
        self._trim(entries.ids[0])

    def _done(self, run: BatchRun, trimmed: int) -> None:
        metrics.BATCHES.labels("committed").inc()
        metrics.BATCH_SECONDS.observe(run.seconds)
        metrics.DUPLICATES.inc(run.duplicates)
        metrics.MISFITS.inc(run.misfits)
        for name, count in run.rows.items():
            metrics.ROWS.labels(name).inc(count)
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


def free_name(root: Path, partition: Partition, first_id: str) -> str:
    """A name for the partition's file. Buffer ids may come again, and a file of the lake never changes."""
    folder = root / layout.partition(partition.dataset.name, partition.hour)
    names = (layout.flush_name(first_id, attempt) for attempt in count())
    return next(name for name in names if not (folder / name).exists())


def describe(chunk: Chunk, entries: Entries, written: Sequence[Pending]) -> BatchRun:
    """The row of this batch, as it will be committed."""
    rows: dict[str, int] = {}
    for pending in written:
        rows[pending.dataset] = rows.get(pending.dataset, 0) + pending.rows
    span = chunk.span()
    return BatchRun(
        state=BatchRun.State.COMMITTED,
        first_id=entries.ids[0].decode(),
        last_id=entries.ids[-1].decode(),
        first_seen=catalog.utc(span[0]) if span else None,
        last_seen=catalog.utc(span[1]) if span else None,
        events=len(entries),
        duplicates=len(entries) - sum(rows.values()),
        rows=rows,
        minutes=chunk.minutes(),
        bytes_in=sum(map(len, entries.frames)),
        bytes_out=sum(pending.bytes for pending in written),
    )


def publish(root: Path, written: Sequence[Pending]) -> None:
    """Gives all files their names, or none."""
    try:
        for pending in written:
            pending.publish()
    except BaseException:
        withdraw(root, written)
        raise


def withdraw(root: Path, written: Iterable[Pending]) -> None:
    """Removes files of a batch that was not committed."""
    for pending in written:
        for name in (pending.name, layout.temporary_name(pending.name)):
            if (root / pending.folder / name).exists():
                files.remove(root, Path(pending.folder) / name, "its batch was not committed")


def require_lake(root: Path) -> None:
    """Makes LAKE_ROOT at the very first start. Raises LakeUnusable when it is missing although files are listed, or is
    not the folder that the catalog speaks of."""
    newest = catalog.newest(MUST_EXIST)
    if not root.is_dir() and not newest and root.parent.is_dir():
        root.mkdir()
    if not root.is_dir():
        raise LakeUnusable(f"LAKE_ROOT {root} is missing: mount it or create it, then start again.")
    missing = [path for path in newest if not (root / path).is_file()]
    if missing:
        raise LakeUnusable(
            f"LAKE_ROOT {root} lacks {missing[0]}, which the catalog lists: mount the right folder or restore it, "
            "then start again (verify_lake names all that is missing)."
        )


def remove_orphans(root: Path) -> None:
    """Removes what a killed flusher left: its files that the catalog does not know."""
    known = catalog.known_paths()
    for path in list(files.on_disk(root)):
        if layout.is_flush_file(path.name) and str(path) not in known:
            files.remove(root, path, "orphan: no batch lists it")
