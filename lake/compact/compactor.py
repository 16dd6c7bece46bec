"""Background maintenance of the lake: compaction of closed hours, deletions, retention, indexes, the sweep."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import structlog
from django.db.models import Max

from lake import metrics
from lake.catalog import commits, listing, orphans
from lake.catalog.identity import Claim
from lake.catalog.listing import ListedFile
from lake.compact import index_upkeep, retention, sweep, tombstones
from lake.compact.index_upkeep import Indexer, Replacement
from lake.compact.partition_rewriter import PartitionRewriter
from lake.compact.plan import PartitionKey, Reason, RewriteJob, plan
from lake.compact.tombstones import DeletionSnapshot
from lake.errors import Interrupted, RequestRefused, Stopped
from lake.models import BatchRun, DataFile, Tombstone
from lake.schema import STATEFUL
from lake.storage import layout
from lake.storage.duckdb_engine import Engine
from lake.storage.origin import Writer
from process import heartbeats

log = structlog.get_logger("compaction")

SPILL = "spill"  # in the scratch folder. Only removed before the first round: DuckDB fails once its folder has gone
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
        self._engine = Engine(MEMORY, threads, spill=scratch / SPILL)
        self._rewriter = PartitionRewriter(self._engine, root, self._claim, stop)
        self._indexer = Indexer(root, self._engine)

    def prepare(self) -> None:
        """To be called once, before the first round: finishes what a kill has cut short."""
        metrics.ORPHANS.set(orphans.take_lake(self._root, self._claim, layout.is_compacted_file))
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
        pause: Callable[[], bool] = lambda: False,
    ) -> int:
        """Compacts and sweeps what is due; returns the number of files written. `daily`: does the daily pass, too.
        `patient`: leaves a closed hour alone until the flusher has passed it. `purge`: deleted rows lose their text.
        `pause` is asked between two files: raises Interrupted if something else comes first."""
        now = datetime.now(UTC)
        try:
            done = self._compact(now, daily, patient, purge, progress, pause)
        except Stopped:
            return 0
        finally:
            tombstones.remove_snapshot(self._scratch)
        self._sweep()
        _measure()
        return done

    def compact_hour(self, dataset: str, hour: datetime, purge: bool) -> str | None:
        """Makes one file of that partition now, whatever is due; a sentence, or None if a stop has cut it short. Raises
        RequestRefused if the hour is not over, or has no files."""
        now = datetime.now(UTC)
        files = [file for file in listing.listed_files() if (file.dataset, file.hour) == (dataset, hour)]
        if hour + layout.HOUR > now:
            raise RequestRefused(f"the hour {hour:%Y-%m-%d %H}:00 is not over: ask again after its end")
        if not files:
            raise RequestRefused(f"{dataset} has no files in the hour {hour:%Y-%m-%d %H}:00")
        job = RewriteJob(dataset, hour, tuple(sorted(files, key=lambda file: file.path)), Reason.ASKED)
        try:
            deletions = tombstones.take_snapshot(self._scratch) if dataset in STATEFUL else None
            self._indexer.update(listing.listed_posts(), now, hour.date(), self._rewrite(job, deletions, purge))
        except Stopped:
            return None
        finally:
            tombstones.remove_snapshot(self._scratch)
        self._sweep()
        return f"{len(job.files):,} files of {job.rows:,} rows and {job.bytes:,} bytes are one file now"

    def would_do(self, purge: bool = True) -> Iterator[str]:
        """What a round with the daily pass would do now, one line each. Changes nothing."""
        now, files = datetime.now(UTC), listing.listed_files()
        touched = self._touched(tombstones.take_snapshot(self._scratch), files)
        for job in plan(files, self._closed(now, patient=False), True, touched, purge):
            yield f"compact {job.dataset} {job.hour:%Y-%m-%dT%H}: {len(job.files)} files, {job.rows} rows, {job.reason}"
        for file in retention.expired(files, retention.effective(retention.rules()), now):
            yield f"expire {file.path}: {file.rows} rows"
        for path in sweep.due(now - self._grace):
            yield f"sweep {path}"

    def _compact(
        self, now: datetime, daily: bool, patient: bool, purge: bool, progress: Progress, pause: Callable[[], bool]
    ) -> int:
        files = listing.listed_files(fresh_hours_only=not daily)
        deletions = tombstones.take_snapshot(self._scratch) if daily else None
        touched = self._touched(deletions, files) if deletions else set()
        jobs = plan(files, self._closed(now, patient), daily, touched, purge)
        if deletions is None and any(job.dataset in STATEFUL for job in jobs):
            deletions = tombstones.take_snapshot(self._scratch)
        metrics.PARTITIONS_WAITING.set(len(jobs))
        replaced: dict[str, Replacement] = {}
        for number, job in enumerate(jobs, 1):
            replaced |= self._rewrite(job, deletions, purge)
            metrics.PARTITIONS_WAITING.set(len(jobs) - number)
            pauses = number < len(jobs) and pause()
            if pauses or number == len(jobs) or jobs[number].hour.date() != job.hour.date():
                self._indexer.update(listing.listed_posts(), now, job.hour.date(), replaced)
                replaced.clear()
                self._sweep()
            progress(number, len(jobs))
            if pauses:
                raise Interrupted
        if daily and deletions:
            self._finish_day(deletions, now)
        self._indexer.index_flushed(listing.listed_files(fresh_hours_only=True))
        return len(jobs)

    def _rewrite(self, job: RewriteJob, deletions: DeletionSnapshot | None, purge: bool) -> dict[str, Replacement]:
        """What the indexes of posts need to know of it."""
        heartbeats.work(f"compacts {job.dataset} {job.hour:%Y-%m-%dT%H}")
        new = self._rewriter.rewrite(job, deletions, purge)
        if len(job.files) > 1 or not job.files[0].compacted or new.repeated:
            return {}
        return {job.files[0].path: Replacement(new.pending.path, new.deleted, new.superseded)}

    def _touched(self, deletions: DeletionSnapshot, files: Sequence[ListedFile]) -> set[PartitionKey]:
        return tombstones.touched(self._engine, self._root, deletions, files, self._stop)

    def _closed(self, now: datetime, patient: bool) -> datetime:
        """Hours that end by this time are closed: long enough ago, and the flusher has passed them or is idle."""
        over = now - self._after
        last = BatchRun.objects.filter(state=BatchRun.State.COMMITTED).order_by("-started_at").first()
        if not patient or last is None or last.started_at < now - min(IDLE, self._after):
            return over
        return min(over, listing.newest_seen() or over)

    def _finish_day(self, deletions: DeletionSnapshot, now: datetime) -> None:
        applied, removed = tombstones.set_applied(deletions, now), tombstones.remove_expired(now)
        expired = retention.expired(listing.listed_files(), retention.effective(retention.announced()), now)
        if expired:
            paths = [file.path for file in expired]
            self._claim.check()
            commits.supersede(paths, self._claim.advance)
            self._claim.mark()
            sweep.move(self._root, paths)
        _remove_empty_folders(self._root, expired)
        retention.announce(listing.listed_files(), now)
        self._indexer.update(listing.listed_posts(), now)
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


def _measure() -> None:
    metrics.SUPERSEDED.set(DataFile.superseded.count())
    metrics.OLDEST_TOMBSTONE.set_function(partial(_age, tombstones.oldest_unapplied()))


def _age(since: datetime | None) -> float:
    return 0.0 if since is None else (datetime.now(UTC) - since).total_seconds()
