"""One partition after another: its files are rewritten, then swapped.

In this order: write the file, rename it, swap it for the old ones in the catalog, write the marker, move the old ones
away. A process that is killed between two of these steps loses nothing and repeats nothing: a file that was never
committed is removed at the next start, one that the catalog calls superseded is moved.
"""

import time
from collections.abc import Callable
from pathlib import Path

import structlog
from django.db.utils import DatabaseError

from lake import metrics
from lake.catalog import clock, commits
from lake.catalog.commits import NewFile
from lake.catalog.identity import Claim
from lake.compact import sweep
from lake.compact.plan import RewriteJob
from lake.compact.rewrite import Rewritten, rewrite
from lake.compact.tombstones import DeletionSnapshot
from lake.errors import LakeUnusable
from lake.storage.duckdb_engine import Engine, Unreadable
from lake.storage.origin import Origin
from process.crash_points import crash_point

log = structlog.get_logger("compaction")


class PartitionRewriter:
    """`claim`: the compactor's. `stop` is asked between row groups."""

    def __init__(self, engine: Engine, root: Path, claim: Claim, stop: Callable[[], bool]) -> None:
        self._engine, self._root, self._claim, self._stop = engine, root, claim, stop

    def rewrite(self, job: RewriteJob, deletions: DeletionSnapshot | None, purge: bool) -> Rewritten:
        """`deletions`: None only for a dataset whose rows have no states. Raises Stopped and LakeUnusable."""
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
        _report(job, new, time.monotonic() - started)
        return new

    def _origin(self, job: RewriteJob) -> Origin:
        cursor, now = commits.checkpoint(), self._claim.now()
        commit, known = self._claim.next_commit(), clock.stored_us()
        return Origin(*commit, now.flush, cursor, job.at_ingest_time, labelled=now.label, clock_us=known)


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
