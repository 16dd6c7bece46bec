"""Makes a catalog from the files alone. Nothing is listed before all is known; a run that was killed is begun again.

What is not in the files does not come back: accounts and API keys of the admin, flags, retentions, requests, exports,
the journal of connections, and what retention has removed. Indexes are made by the next compact_lake.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog
from django.db import transaction

from ingest.buffer.entries import Cursor
from lake.catalog import commits, identity, orphans
from lake.catalog.commits import AccountState, NewTombstone
from lake.catalog.identity import State
from lake.compact import index_upkeep, sweep
from lake.compact.plan import PartitionKey, Reason, RewriteJob
from lake.compact.rewrite import rewrite
from lake.compact.tombstones import KEPT, take_snapshot
from lake.errors import LakeUnusable
from lake.flush.statements import define_macros
from lake.models import CatalogIdentity, DataFile
from lake.recovery import generations, rebuilt_rows
from lake.recovery.generations import Found
from lake.schema import DATASETS, STATEFUL
from lake.storage.duckdb_engine import Engine, Unreadable, read_sql
from lake.storage.origin import Origin, Writer
from lake.verify.deletions import rules
from process.instants import microseconds

SQL = Path(__file__).parent / "sql"
log = structlog.get_logger("rebuild")

KEYS_AT_ONCE = 2_000_000  # versions or account events of one query: some 500 MB
FEW = 500  # rows of a catalog that are made at once
NOTHING = (  # where a dataset has no files
    "SELECT '' AS did, '' AS collection, '' AS rkey, '' AS rev, '' AS operation, '' AS state, now() AS seen WHERE false"
)

Progress = Iterator[tuple[int, int]]


class Rebuild:
    """The steps, each a method, in this order: read, choose, bury, commit. The first three give (done, all) as they go.
    The engine must be able to spill. `scratch`: a folder of our own. Afterwards `damaged` says of files why they are
    none of the lake's."""

    def __init__(self, root: Path, engine: Engine, scratch: Path) -> None:
        self._root, self._engine, self._scratch = root, engine, scratch
        self._marker = identity.read_marker(root)
        self._found: dict[str, Found] = {}
        self._state = State("")
        self.damaged: dict[str, str] = {}
        self.tombstones = self.accounts = 0
        self.cursor: Cursor | None = None
        define_macros(engine)

    @property
    def files(self) -> int:
        return len(self._found)

    @property
    def rows(self) -> int:
        return sum(found.row.rows for found in self._found.values())

    def read(self) -> Progress:
        """Raises LakeUnusable when the catalog is not empty, or there is no lake."""
        if not self._root.is_dir():
            raise LakeUnusable(f"LAKE_ROOT {self._root} is missing: mount it, then begin again.")
        _require_empty()
        paths = generations.paths(self._root)
        for number, path in enumerate(paths, 1):
            try:
                self._found[path] = generations.read(self._engine, self._root, path)
            except (LakeUnusable, Unreadable) as error:
                self.damaged[path] = str(error)
            yield number, len(paths)
        self._state = rebuilt_rows.state(self._found.values(), self._marker, str(uuid4()))
        self.cursor = rebuilt_rows.resume(list(self._found.values()), self._marker)

    def choose(self) -> Progress:
        """Leaves in each partition what holds its events once; the rest becomes orphans."""
        partitions: defaultdict[PartitionKey, list[Found]] = defaultdict(list)
        for found in self._found.values():
            partitions[found.row.dataset, found.row.hour].append(found)
        several = [group for group in partitions.values() if len(group) > 1]
        for number, group in enumerate(several, 1):
            choice = generations.choose(self._engine, self._root, group)
            if choice.mixed:
                self._fold(choice.kept)
            self._set_aside([found.row.path for found in choice.covered])
            yield number, len(several)
        for path in self.damaged:
            orphans.set_aside(self._root, path)

    def _fold(self, kept: Sequence[Found]) -> None:
        """Files that share rows become one, as a compaction would make it."""
        job = RewriteJob(kept[0].row.dataset, kept[0].row.hour, tuple(found.listed for found in kept), Reason.LATE)
        self._state = self._state._replace(compact=self._state.compact + 1)
        origin = Origin(
            self._state.catalog, Writer.COMPACT, self._state.compact, self._state.flush, self.cursor, job.at_ingest_time
        )
        deletions = take_snapshot(self._scratch)
        new = rewrite(self._engine, self._root, job, deletions, False, origin, lambda: False)
        new.pending.publish()
        self._found[new.pending.path] = generations.read(self._engine, self._root, new.pending.path)
        self._set_aside([found.row.path for found in kept])

    def _set_aside(self, paths: Sequence[str]) -> None:
        for path in paths:
            del self._found[path]
            orphans.set_aside(self._root, path)

    def bury(self) -> Progress:
        """Tombstones and inactive accounts. They are true whatever becomes of this run."""
        tasks = [partial(self._account, *part) for part in self._parts("accounts")]
        for dataset in STATEFUL:
            tasks += [partial(self._versions, dataset, *part) for part in self._parts(dataset, "deletes")]
        for number, task in enumerate(tasks, 1):
            task()
            yield number, len(tasks)

    def _parts(self, *datasets: str) -> list[tuple[int, int]]:
        """By which hash of an account the rows are divided: (parts, number). None where there are no rows."""
        rows = [found.row.rows for found in self._found.values() if found.row.dataset in datasets]
        parts = sum(rows) // KEYS_AT_ONCE + 1
        return [(parts, part) for part in range(parts)] if rows else []

    def _account(self, parts: int, part: int) -> None:
        values = {"files": self._paths("accounts"), "parts": parts, "part": part}
        states = [AccountState(*row) for row in self._engine.rows(read_sql(SQL / "rebuilt_accounts.sql"), values)]
        for start in range(0, len(states), FEW):
            with transaction.atomic():
                commits.set_accounts(states[start : start + FEW])
        self.accounts += len(states)

    def _versions(self, dataset: str, parts: int, part: int) -> None:
        collection = DATASETS[dataset].collection
        young = microseconds(datetime.now(UTC) - KEPT)
        paths = {name: found for name in (dataset, "deletes") if (found := self._paths(name))}
        values: dict[str, Any] = {**paths, "parts": parts, "part": part, "young": young}
        sql = read_sql(SQL / "rebuilt_tombstones.sql").format(
            collection=f"'{collection}'" if collection else "collection",
            which=next(rule.condition for rule in rules(dataset) if rule.source == "deletes"),
            versions=_source(dataset) if dataset in paths else NOTHING,
            deletes=_source("deletes") if "deletes" in paths else NOTHING,
        )
        versions = [NewTombstone(*row) for row in self._engine.rows(sql, values)]
        with transaction.atomic():
            commits.add_tombstones(versions)
        self.tombstones += len(versions)

    def _paths(self, dataset: str) -> list[str]:
        return [str(self._root / path) for path, found in self._found.items() if found.row.dataset == dataset]

    def commit(self) -> None:
        """The moment at which the catalog exists. Raises LakeUnusable when somebody else has filled it meanwhile."""
        runs = rebuilt_rows.batch_runs(self._found.values())
        with transaction.atomic():
            _require_empty()
            for run in runs:
                run.save()
            DataFile.objects.bulk_create([found.row for found in self._found.values()], FEW)
            if self.cursor:
                commits.set_checkpoint(self.cursor)
            CatalogIdentity.objects.update_or_create(pk=CatalogIdentity.ONLY, defaults=self._state._asdict())
        identity.write_marker(self._root, self._state)
        index_upkeep.remove_orphans(self._root)
        sweep.finish(self._root)


def _source(name: str) -> str:
    """The rows of the paths that are the value of this name."""
    return f"FROM read_parquet(${name}, hive_partitioning = false)"


def _require_empty() -> None:
    if count := DataFile.objects.count():
        raise LakeUnusable(
            f"The catalog lists {count:,} files already: rebuild_catalog fills an empty one only. Move it away with "
            "its -wal and -shm, run manage.py migrate, then begin again."
        )
