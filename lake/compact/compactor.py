"""Background maintenance of the lake: compaction of closed hours, deletions, retention, indexes, the sweep.

One partition, in this order: write the file, rename it, swap it for the old ones in the catalog, write the marker, move
the old ones away. A process killed between two of these steps loses nothing and repeats nothing: a file that was never
committed is removed at the next start, one that the catalog calls superseded is moved.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from django.db.models import Max
from django.db.utils import DatabaseError

from lake.catalog import commits, listing, orphans
from lake.catalog.commits import NewFile
from lake.catalog.identity import Claim
from lake.catalog.listing import ListedFile
from lake.catalog.metrics import ORPHANS
from lake.compact import index_upkeep, metrics, retention, sweep, tombstones
from lake.compact.index_upkeep import Indexer, ReplacedFile
from lake.compact.plan import PartitionKey, RewriteJob, plan
from lake.compact.rewrite import Rewritten, rewrite
from lake.compact.tombstones import DeletionSnapshot
from lake.errors import LakeUnusable, Stopped
from lake.models import BatchRun, DataFile, Tombstone
from lake.schema import STATEFUL
from lake.storage import layout
from lake.storage.duckdb_engine import Engine, Unreadable
from lake.storage.origin import Origin, Writer
from process.crash_points import crash_point

log = structlog.get_logger("compaction")

MEMORY = "300MB"  # DuckDB's share, beyond which it spills; an hour of a million likes takes the process to 670 MB
IDLE = timedelta(seconds=60)  # a flusher that has committed nothing for so long has nothing waiting
DAILY = timedelta(hours=12)  # with the time that a pass takes, a delete is in all files within 24 hours

Progress = Callable[[int, int], None]


class Compactor:
    """`scratch`: a folder of its own for what memory does not hold. `after`: seconds between the end of an hour and its
    compaction. `grace`: seconds between a file's replacement and its deletion. `stop` is asked between row groups.
    Methods raise LakeError if the lake is not as it should be."""

    def __init__(
        self, root: Path, scratch: Path, threads: int, after: float, grace: float, stop: Callable[[], bool]
    ) -> None:
        self._root = root
        self._scratch = scratch
        self._after = timedelta(seconds=after)
        self._grace = timedelta(seconds=grace)
        self._stop = stop
        self._claim = Claim(root, Writer.COMPACT)
        self._engine = Engine(MEMORY, threads, spill=scratch / "spill")
        self._indexer = Indexer(root, self._engine)

    def prepare(self) -> None:
        """To be called once, before the first round: finishes what a kill has cut short."""
        ORPHANS.set(orphans.take_lake(self._root, self._claim, layout.is_compacted_file))
        shutil.rmtree(self._scratch, ignore_errors=True)
        index_upkeep.remove_orphans(self._root)
        sweep.finish(self._root)
        retention.log_outlook(self._root)

    def round(
        self,
        daily: bool = False,
        patient: bool = True,
        purge: bool = True,
        progress: Progress = lambda done, jobs: None,
    ) -> int:
        """Compacts and sweeps what is due; returns the number of files written. `daily`: does the daily pass, too.
        `patient`: leaves a closed hour alone until the flusher has passed it. `purge`: deleted rows lose their text."""
        now = datetime.now(UTC)
        try:
            done = self._compact(now, daily, patient, purge, progress)
        except Stopped:
            return 0
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)
        self._sweep()
        _measure(now)
        return done

    def would_do(self, purge: bool = True) -> Iterator[str]:
        """What a round with the daily pass would do now, one line each. Changes nothing."""
        now, files = datetime.now(UTC), listing.listed_files()
        touched = self._touched(tombstones.take_snapshot(self._scratch), files)
        for job in plan(files, self._closed(now, patient=False), True, touched, purge):
            yield f"compact {job.dataset} {job.hour:%Y-%m-%dT%H}: {len(job.files)} files, {job.rows} rows, {job.reason}"
        for file in retention.expired(files, retention.rules(), now):
            yield f"expire {file.path}: {file.rows} rows"
        for path in sweep.due(now - self._grace):
            yield f"sweep {path}"

    def _compact(self, now: datetime, daily: bool, patient: bool, purge: bool, progress: Progress) -> int:
        files = listing.listed_files(fresh_hours_only=not daily)
        deletions = tombstones.take_snapshot(self._scratch) if daily else None
        touched = self._touched(deletions, files) if deletions else set()
        jobs = plan(files, self._closed(now, patient), daily, touched, purge)
        if deletions is None and any(job.dataset in STATEFUL for job in jobs):
            deletions = tombstones.take_snapshot(self._scratch)
        metrics.PARTITIONS_WAITING.set(len(jobs))
        for number, job in enumerate(jobs, 1):
            self._replace(job, deletions, purge)
            metrics.PARTITIONS_WAITING.set(len(jobs) - number)
            if number == len(jobs) or jobs[number].hour.date() != job.hour.date():
                self._indexer.follow(listing.listed_posts(), now, job.hour.date())
                self._sweep()
            progress(number, len(jobs))
        if daily and deletions:
            self._finish_day(deletions, now)
        return len(jobs)

    def _touched(self, deletions: DeletionSnapshot, files: Sequence[ListedFile]) -> set[PartitionKey]:
        return tombstones.touched(self._engine, self._root, deletions, files, self._stop)

    def _closed(self, now: datetime, patient: bool) -> datetime:
        """Hours that end by this time are closed: long enough ago, and the flusher has passed them or is idle."""
        over = now - self._after
        last = BatchRun.objects.filter(state=BatchRun.State.COMMITTED).order_by("-started_at").first()
        if not patient or last is None or last.started_at < now - min(IDLE, self._after):
            return over
        return min(over, listing.newest_seen() or over)

    def _replace(self, job: RewriteJob, deletions: DeletionSnapshot | None, purge: bool) -> None:
        started = time.monotonic()
        try:
            new = rewrite(self._engine, self._root, job, deletions, purge, self._origin(job), self._stop)
        except Unreadable as error:
            raise LakeUnusable(f"{job.dataset} of {job.hour} can't be read: {error}. Run verify_lake.") from error
        crash_point("compact:written")
        new.pending.publish()
        crash_point("compact:renamed")
        old = [file.path for file in job.files]
        self._claim.check()
        try:
            file = NewFile(new.pending, job.at_ingest_time, new.unpurged)
            commits.swap(old, file, self._claim.advance)
        except DatabaseError as error:
            # The new file stays: only the next start can tell whether the catalog lists it.
            raise LakeUnusable(f"The catalog can't be written ({error}): mend that, then start again.") from error
        crash_point("compact:committed")
        self._claim.mark()
        sweep.move(self._root, old)
        crash_point("compact:moved")
        if len(old) == 1 and job.files[0].compacted and not new.repeated:
            self._indexer.replaced[old[0]] = ReplacedFile(new.pending.path, new.deleted)
        _report(job, new, time.monotonic() - started)

    def _origin(self, job: RewriteJob) -> Origin:
        cursor = commits.checkpoint()
        return Origin(*self._claim.next_commit(), self._claim.flushed(), cursor, job.at_ingest_time)

    def _finish_day(self, deletions: DeletionSnapshot, now: datetime) -> None:
        applied, removed = tombstones.set_applied(deletions, now), tombstones.remove_expired(now)
        expired = retention.expired(listing.listed_files(), retention.announced(), now)
        if expired:
            paths = [file.path for file in expired]
            self._claim.check()
            commits.supersede(paths, self._claim.advance)
            self._claim.mark()
            sweep.move(self._root, paths)
        _remove_empty_folders(self._root, expired)
        retention.announce(listing.listed_files(), now)
        self._indexer.follow(listing.listed_posts(), now)
        log.info("daily pass", tombstones_applied=applied, tombstones_removed=removed, files_expired=len(expired))

    def _sweep(self) -> None:
        self._claim.check()
        sweep.sweep(self._root, datetime.now(UTC) - self._grace)


def last_daily_pass() -> float:
    """Its time in seconds since 1970, as far as the tombstones tell; 0: there was none."""
    last = Tombstone.objects.aggregate(Max("applied_at"))["applied_at__max"]
    return last.timestamp() if last else 0.0


def _remove_empty_folders(root: Path, files: Sequence[ListedFile]) -> None:
    for folder in {(root / file.path).parent for file in files}:
        for path in (folder, *folder.parents[:3]):
            with suppress(OSError):  # not empty
                path.rmdir()


def _measure(now: datetime) -> None:
    metrics.SUPERSEDED.set(DataFile.superseded.count())
    oldest = tombstones.oldest_unapplied()
    metrics.OLDEST_TOMBSTONE.set((now - oldest).total_seconds() if oldest else 0)


def _report(job: RewriteJob, new: Rewritten, seconds: float) -> None:
    metrics.COMPACTIONS.labels(job.reason).inc()
    metrics.COMPACTION_SECONDS.observe(seconds)
    metrics.COMPACTION_BYTES.labels("in").inc(job.bytes)
    metrics.COMPACTION_BYTES.labels("out").inc(new.pending.bytes)
    metrics.PURGED.inc(new.purged)
    log.info(
        "compacted",
        dataset=job.dataset,
        hour=f"{job.hour:%Y-%m-%dT%H}",
        reason=str(job.reason),
        files=len(job.files),
        rows=new.pending.rows,
        repeated=new.repeated,
        purged=new.purged,
        bytes_in=job.bytes,
        bytes_out=new.pending.bytes,
        seconds=round(seconds, 2),
    )
