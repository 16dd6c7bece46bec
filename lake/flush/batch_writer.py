"""From events to a commit: dedupe, files, names, then one transaction. The batch exists once that has happened."""

from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime
from pathlib import Path

from django.db.utils import DatabaseError

from ingest.buffer.entries import Cursor, Entries
from lake.catalog import clock, commits, lake_root
from lake.catalog.clock import Turn
from lake.catalog.commits import Commit
from lake.catalog.identity import Claim
from lake.errors import LakeUnusable
from lake.flush import batch_files, batch_run, deletions, profile_states
from lake.flush.batch_files import DatasetFiles
from lake.flush.dedupe import NewEvents, dedupe
from lake.flush.event_tables import EventTables
from lake.models import BatchRun
from lake.schema import DATASETS
from lake.storage.duckdb_engine import Engine
from lake.storage.origin import Batch, Origin
from process.crash_points import crash_point


class BatchWriter:
    """`threads`: datasets written at once. `claim`: the flusher's."""

    def __init__(self, engine: Engine, root: Path, claim: Claim, threads: int) -> None:
        self._engine, self._root, self._claim = engine, root, claim
        self._threads = ThreadPoolExecutor(threads, "dataset")

    def write(self, entries: Entries, events: EventTables, started: datetime) -> BatchRun:
        """Raises LakeUnusable if the lake or the catalog is at fault; whatever else it raises is an event's fault, or a
        bug. Either leaves no file."""
        lake_root.require_lake_root(self._root)
        new = dedupe(self._engine, self._root, events)
        with clock.turn() as turn:
            return self._written(self._change(entries, new, started, turn))

    def _written(self, change: Commit) -> BatchRun:
        crash_point("flush:written")
        batch_files.publish(self._root, change.files)
        crash_point("flush:renamed")
        self._claim.check()
        change.run.seconds = batch_run.seconds_since(change.run.started_at)
        try:
            commits.commit(change, self._claim.advance)
        except DatabaseError as error:
            # The files stay: only the next start can tell whether the catalog lists them.
            raise LakeUnusable(
                f"The catalog can't be written ({error}): mend that, then start again. Nothing is lost."
            ) from error
        crash_point("flush:committed")
        self._claim.mark()
        return change.run

    def _origin(self, entries: Entries, started: datetime, turn: Turn) -> Origin:
        catalog, writer, number = self._claim.next_commit()
        batch = Batch(entries.ids[0].decode(), entries.ids[-1].decode(), started)
        cursor = Cursor.decode(entries.cursors[-1])
        return Origin(catalog, writer, number, number, cursor, batch=batch, clock_us=turn.learned_us)

    def _change(self, entries: Entries, new: NewEvents, started: datetime, turn: Turn) -> Commit:
        """Writes the files, without names yet, and computes the rest of the commit meanwhile."""
        origin = self._origin(entries, started, turn)
        writing = self._start(new, origin, turn)
        try:
            tombstones = deletions.tombstones(self._engine, self._root, new, turn)
            accounts = deletions.account_states(self._engine, self._root, new)
            profiles = profile_states.of_batch(self._engine, new)
            written = [future.result() for future in writing]
        except BaseException:
            wait(writing)
            for future in writing:
                if future.exception() is None:
                    batch_files.withdraw(self._root, future.result().files)
            raise
        files = [file for dataset in written for file in dataset.files]
        run = batch_run.committed(entries, started, new, files, sum(dataset.type_mismatches for dataset in written))
        return Commit(run, files, tombstones, accounts, origin.cursor, turn, profiles)

    def _start(self, new: NewEvents, origin: Origin, turn: Turn) -> "list[Future[DatasetFiles]]":
        tables = sorted(new.tables.items(), key=lambda item: -item[1].num_rows)  # the longest work first
        return [
            self._threads.submit(batch_files.write, self._engine, self._root, DATASETS[name], events, origin, turn)
            for name, events in tables
            if events.num_rows
        ]
