"""From the buffer to the lake. A batch exists when its commit does; until then its files are orphans.

One batch, in this order and no other: read, write the files, rename them, commit, trim the buffer. A process killed
between two of these steps loses nothing and repeats nothing: what was not trimmed is read again and folds.
"""

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import structlog
from django.db.utils import DatabaseError

from ingest.buffer import Buffer, BufferFull, Cursor, Entry
from ingest.events import Drop, DropReason
from ingest.process import crash_point, now_us
from lake import catalog, files, layout, metrics
from lake.catalog import Commit
from lake.engine import Engine, Unreadable, limited
from lake.errors import LakeUnusable, QueryTooLarge
from lake.files import Pending
from lake.models import BatchRun
from lake.transform import Chunk, Partition

log = structlog.get_logger("flusher")

CHUNK_BYTES = 64 * 1024 * 1024  # of frames: bounds the memory of a batch whatever the load
MEMORY = "600MB"  # DuckDB's part; the process stays below 1 GiB
MUST_EXIST = 20  # newest listed files whose absence means that another disk, or none, is mounted


class Flusher:
    """Writes batches. `buffer` must be connected anew, by `buffer.connect()`, after BufferUnavailable."""

    def __init__(self, buffer: Buffer, root: Path, max_events: int, threads: int = 2) -> None:
        self._buffer = buffer
        self._root = root
        self._max_events = max_events
        self._engine = Engine(MEMORY, threads)

    def prepare(self) -> None:
        """To be called once, before the first batch. Raises LakeUnusable when the lake is not the catalog's."""
        require_lake(self._root)
        remove_orphans(self._root)

    def flush_chunk(self) -> int:
        """Writes one batch of the oldest entries; how many entries it took, 0 when the buffer is empty."""
        entries = read_chunk(self._buffer.read(), self._max_events, CHUNK_BYTES)
        if entries:
            crash_point("flush:read")
            self._flush(entries)
        return len(entries)

    def _flush(self, entries: Sequence[Entry]) -> None:
        """One batch; when its data can't be written, its halves, down to the one event that is set aside."""
        started = time.time()
        try:
            run = self._write(entries, started)
        except (Unreadable, QueryTooLarge) as error:
            self._failed(entries, started, error)
            if len(entries) == 1:
                self._set_aside(entries[0], error)
                return
            middle = len(entries) // 2
            self._flush(entries[:middle])
            self._flush(entries[middle:])
            return
        except LakeUnusable as error:
            with suppress(Exception):  # the database may be on the same full disk
                self._failed(entries, started, error)
            raise
        self._done(run, self._trim(entries[-1].id))

    def _write(self, entries: Sequence[Entry], started: float) -> BatchRun:
        require_lake(self._root)
        with limited(self._engine.cursor(), 0) as session:
            chunk = Chunk(session, self._root)
            chunk.load(entries)
            chunk.type_rows()
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

    def _change(self, chunk: Chunk, entries: Sequence[Entry]) -> Commit:
        """Writes the chunk's files, without names yet, and gathers all that the commit will say."""
        names = free_names(self._root, chunk.partitions(), entries[0].id.decode())
        written: list[tuple[Pending, int]] = []
        try:
            for partition, name in names:
                pending = files.write(self._root, partition.dataset, partition.hour, name, chunk.batches(partition))
                written.append((pending, partition.arrived))
            run = describe(chunk, entries, [pending for pending, _ in written])
            return Commit(run, written, chunk.tombstones(), chunk.accounts(), last_cursor(entries))
        except BaseException:
            withdraw(self._root, [pending for pending, _ in written])
            raise

    def _trim(self, last_id: bytes) -> int:
        trimmed = self._buffer.trim(last_id)
        crash_point("flush:trimmed")
        return trimmed

    def _failed(self, entries: Sequence[Entry], started: float, error: Exception) -> None:
        metrics.BATCHES.labels("failed").inc()
        run = BatchRun(
            started_at=datetime.fromtimestamp(started, UTC),
            seconds=time.time() - started,
            state=BatchRun.State.FAILED,
            error=str(error),
            first_id=entries[0].id.decode(),
            last_id=entries[-1].id.decode(),
            events=len(entries),
        )
        log.error("batch failed", first=run.first_id, last=run.last_id, events=run.events, error=run.error)
        run.save()

    def _set_aside(self, entry: Entry, error: Exception) -> None:
        log.error("event set aside as a dead letter", id=entry.id.decode(), error=str(error))
        with suppress(BufferFull):  # then it stays where it is until there is room
            self._buffer.set_aside([Drop(entry.frame, DropReason.POISON)])
            metrics.POISONED.inc()
            self._trim(entry.id)

    def _done(self, run: BatchRun, trimmed: int) -> None:
        metrics.BATCHES.labels("committed").inc()
        metrics.BATCH_SECONDS.observe(run.seconds)
        metrics.DUPLICATES.inc(run.duplicates)
        metrics.UNFIT.inc(run.unfit)
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


def read_chunk(entries: Iterable[Entry], max_events: int, max_bytes: int) -> list[Entry]:
    """The first entries, up to so many or so many bytes of frames; at least one where there is one."""
    chunk: list[Entry] = []
    size = 0
    for entry in islice(entries, max_events):
        chunk.append(entry)
        size += len(entry.frame)
        if size >= max_bytes:
            break
    return chunk


def last_cursor(entries: Sequence[Entry]) -> Cursor | None:
    return Cursor.decode(entries[-1].cursor)


def free_names(root: Path, partitions: Iterable[Partition], first_id: str) -> list[tuple[Partition, str]]:
    """A name for each partition's file. Buffer ids may come again, and a file of the lake never changes."""
    named = []
    for partition in partitions:
        folder = root / layout.partition(partition.dataset.name, partition.hour)
        attempt = 0
        while (folder / layout.flush_name(first_id, attempt)).exists():
            attempt += 1
        named.append((partition, layout.flush_name(first_id, attempt)))
    return named


def describe(chunk: Chunk, entries: Sequence[Entry], written: Sequence[Pending]) -> BatchRun:
    """The row of this batch, as it will be committed."""
    rows: dict[str, int] = {}
    for pending in written:
        rows[pending.dataset] = rows.get(pending.dataset, 0) + pending.rows
    first, last = chunk.span()
    return BatchRun(
        state=BatchRun.State.COMMITTED,
        first_id=entries[0].id.decode(),
        last_id=entries[-1].id.decode(),
        first_seen=datetime.fromtimestamp(first / 1e6, UTC),
        last_seen=datetime.fromtimestamp(last / 1e6, UTC),
        events=len(entries),
        duplicates=len(entries) - sum(rows.values()),
        unfit=chunk.unfit(),
        rows=rows,
        minutes=chunk.minutes(),
        bytes_in=sum(len(entry.frame) for entry in entries),
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
