"""The lake's house work: closed hours become one file each, deletions reach the files, old hours and old files go.

One partition, in this order and no other: write the file, rename it, swap it for the old ones in the catalog, write the
marker, move those away. A process killed between two of these steps loses nothing and repeats nothing: a file that was
never committed is removed at the next start, one that the catalog calls superseded is moved.
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

from lake.catalog import commits, orphans
from lake.catalog.identity import Claim
from lake.catalog.listing import ListedFile, listed_files, listed_posts
from lake.compact import index_upkeep, metrics, retention, sweep, tombstones
from lake.compact.index_upkeep import Indexer, ReplacedFile
from lake.compact.plan import RewriteJob, plan
from lake.compact.rewrite import Rewritten, rewrite
from lake.compact.tombstones import Deletions
from lake.errors import LakeUnusable, Stopped
from lake.flags.store import flags
from lake.models import BatchRun, DataFile, Tombstone
from lake.schema import STATEFUL
from lake.storage import layout
from lake.storage.duckdb_engine import Engine, Unreadable
from lake.storage.origin import Origin, Writer
from process.crash_points import crash_point

log = structlog.get_logger("compaction")

MEMORY = "300MB"  # DuckDB's part, beyond which it spills; an hour of a million likes takes the process to 670 MB
IDLE = timedelta(seconds=60)  # a flusher that has committed nothing for so long has nothing that waits
DAILY = timedelta(hours=12)  # so that with the time that it takes a delete is in all files within 24 hours

Progress = Callable[[int, int], None]


class Compactor:
    """`scratch`: a folder for what memory does not hold. `after`: seconds between the end of an hour and its
    compaction. `grace`: seconds between a file's replacement and its end. Raises LakeError where the lake is not as it
    should be."""

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
        orphans.take_lake(self._root, self._claim, layout.is_compacted_file)
        shutil.rmtree(self._scratch, ignore_errors=True)
        index_upkeep.remove_orphans(self._root)
        sweep.finish(self._root)
        retention.log_outlook(self._root)

    def round(self, daily: bool = False, patient: bool = True, progress: Progress = lambda done, jobs: None) -> int:
        """Compacts what is due and sweeps; `daily` does the daily pass, too; the number of files written. `patient`: an
        hour that the flusher has not passed yet is left alone, although it is over."""
        now = datetime.now(UTC)
        try:
            done = self._compact(now, daily, patient, progress)
        except Stopped:
            return 0
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)
        self._sweep()
        self._measure(now)
        return done

    def _sweep(self) -> None:
        self._claim.check()
        sweep.sweep(self._root, datetime.now(UTC) - self._grace)

    def would_do(self) -> Iterator[str]:
        """What a round with the daily pass would do now, as lines to read. Changes nothing."""
        now, files = datetime.now(UTC), listed_files()
        touched = Deletions(self._engine, self._scratch).touched(self._root, files, self._stop)
        for job in plan(files, self._closed(now, patient=False), True, touched, flags().purge_deleted):
            yield f"compact {job.dataset} {job.hour:%Y-%m-%dT%H}: {len(job.files)} files, {job.rows} rows, {job.why}"
        for file in retention.expired(files, retention.rules(), now):
            yield f"expire {file.path}: {file.rows} rows"
        for path in sweep.due(now - self._grace):
            yield f"sweep {path}"

    def _compact(self, now: datetime, daily: bool, patient: bool, progress: Progress) -> int:
        files = listed_files(fresh_hours_only=not daily)
        purge = flags().purge_deleted
        dead = Deletions(self._engine, self._scratch) if daily else None
        touched = dead.touched(self._root, files, self._stop) if dead else set()
        jobs = plan(files, self._closed(now, patient), daily, touched, purge)
        if dead is None and any(job.dataset in STATEFUL for job in jobs):
            Deletions(self._engine, self._scratch)
        metrics.PARTITIONS_WAITING.set(len(jobs))
        for number, job in enumerate(jobs, 1):
            self._replace(job, purge)
            metrics.PARTITIONS_WAITING.set(len(jobs) - number)
            if number == len(jobs) or jobs[number].hour.date() != job.hour.date():
                self._indexer.follow(listed_posts(), now, job.hour.date())
                self._sweep()
            progress(number, len(jobs))
        if dead:
            self._finish_day(dead, now)
        return len(jobs)

    def _closed(self, now: datetime, patient: bool) -> datetime:
        """The time up to which hours are over: so long ago, and passed by the flusher unless it is idle."""
        over = now - self._after
        last = BatchRun.objects.filter(state=BatchRun.State.COMMITTED).order_by("-started_at").first()
        if not patient or last is None or last.started_at < now - min(IDLE, self._after):
            return over
        newest = DataFile.objects.filter(superseded_at=None).aggregate(Max("max_seen"))["max_seen__max"]
        return min(over, newest or over)

    def _replace(self, job: RewriteJob, purge: bool) -> None:
        started = time.monotonic()
        try:
            new = rewrite(self._engine, self._root, job, purge, self._stop, self._origin(job))
        except Unreadable as error:
            raise LakeUnusable(f"{job.dataset} of {job.hour} can't be read: {error}. Run verify_lake.") from error
        crash_point("compact:written")
        new.pending.publish()
        crash_point("compact:renamed")
        old = [file.path for file in job.files]
        self._claim.check()
        try:
            commits.swap(old, [commits.data_file_row(new.pending, job.arrived, None, new.unpurged)], self._claim.reach)
        except DatabaseError as error:
            # The new file stays: only the next start can tell whether the catalog lists it.
            raise LakeUnusable(f"The catalog can't be written ({error}): mend that, then start again.") from error
        crash_point("compact:committed")
        self._claim.mark()
        sweep.move(self._root, old)
        crash_point("compact:moved")
        if len(old) == 1 and job.files[0].compacted and not new.folded:
            self._indexer.replaced[old[0]] = ReplacedFile(new.pending.path, new.dead)
        _report(job, new, time.monotonic() - started)

    def _origin(self, job: RewriteJob) -> Origin:
        cursor = commits.checkpoint()
        return Origin(*self._claim.next(), self._claim.flushed(), cursor, job.arrived)

    def _finish_day(self, dead: Deletions, now: datetime) -> None:
        applied, forgotten = dead.set_applied(now), tombstones.remove_expired(now)
        gone = retention.expired(listed_files(), retention.announced(), now)
        if gone:
            self._claim.check()
            commits.supersede([file.path for file in gone], self._claim.reach)
            self._claim.mark()
            sweep.move(self._root, [file.path for file in gone])
        _remove_empty_folders(self._root, gone)
        retention.announce(listed_files(), now)
        self._indexer.follow(listed_posts(), now)
        log.info("daily pass", tombstones_applied=applied, tombstones_removed=forgotten, files_expired=len(gone))

    def _measure(self, now: datetime) -> None:
        metrics.SUPERSEDED.set(DataFile.objects.exclude(superseded_at=None).count())
        oldest = tombstones.oldest_unapplied()
        metrics.OLDEST_TOMBSTONE.set((now - oldest).total_seconds() if oldest else 0)


def last_daily_pass() -> float:
    """When it was, as far as the tombstones tell; in seconds since 1970."""
    last = Tombstone.objects.aggregate(Max("applied_at"))["applied_at__max"]
    return last.timestamp() if last else 0.0


def _remove_empty_folders(root: Path, files: Sequence[ListedFile]) -> None:
    for folder in {(root / file.path).parent for file in files}:
        for path in (folder, *folder.parents[:3]):
            with suppress(OSError):  # not empty
                path.rmdir()


def _report(job: RewriteJob, new: Rewritten, seconds: float) -> None:
    metrics.COMPACTIONS.labels(job.why).inc()
    metrics.COMPACTION_SECONDS.observe(seconds)
    metrics.COMPACTION_BYTES.labels("in").inc(sum(file.bytes for file in job.files))
    metrics.COMPACTION_BYTES.labels("out").inc(new.pending.bytes)
    metrics.PURGED.inc(new.purged)
    log.info(
        "compacted",
        dataset=job.dataset,
        hour=f"{job.hour:%Y-%m-%dT%H}",
        why=str(job.why),
        files=len(job.files),
        rows=new.pending.rows,
        folded=new.folded,
        purged=new.purged,
        bytes_in=sum(file.bytes for file in job.files),
        bytes_out=new.pending.bytes,
        seconds=round(seconds, 2),
    )
