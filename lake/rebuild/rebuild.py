"""Makes a catalog from the files alone, in one transaction at the end: a killed run starts over.

Not in the files, and lost: admin accounts and API keys, flags, retentions, requests, exports, the log of connections,
and what retention has removed. The next compact_lake builds the indexes.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
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
from lake.rebuild import catalog_rows, files
from lake.rebuild.files import LakeFile
from lake.schema import DATASETS, INTERACTIONS, STATEFUL, deletes_of
from lake.storage.duckdb_engine import Engine, Unreadable, read_sql
from lake.storage.origin import Origin, Writer
from process.instants import microseconds

SQL = Path(__file__).parent / "sql"
log = structlog.get_logger("rebuild")

KEYS_AT_ONCE = 2_000_000  # versions or account events of one query: about 500 MB
ROWS_AT_ONCE = 500  # of the catalog, in one statement or transaction
NO_ROWS = (  # of a dataset without files
    "SELECT '' AS did, '' AS collection, '' AS rkey, '' AS rev, '' AS operation, '' AS state, now() AS seen,"
    " '' AS extra WHERE false"
)

Progress = Iterator[tuple[int, int]]


class Rebuild:
    """Run the steps in this order: read, choose, add_tombstones, commit. The first three yield (done, all). The engine
    must be able to spill. `scratch`: a folder for its use alone. `damaged`: files that can't be used, and why."""

    def __init__(self, root: Path, engine: Engine, scratch: Path) -> None:
        self._root, self._engine, self._scratch = root, engine, scratch
        self._marker = identity.read_marker(root)
        self._files: dict[str, LakeFile] = {}
        self._state = State("")
        self.damaged: dict[str, str] = {}
        self.tombstones = self.accounts = 0
        self.cursor: Cursor | None = None
        define_macros(engine)

    @property
    def files(self) -> int:
        return len(self._files)

    @property
    def rows(self) -> int:
        return sum(file.row.rows for file in self._files.values())

    def read(self) -> Progress:
        """Raises LakeUnusable when the catalog is not empty, or there is no lake."""
        if not self._root.is_dir():
            raise LakeUnusable(f"LAKE_ROOT {self._root} is missing: mount it, then begin again.")
        _require_empty()
        paths = files.finished_paths(self._root)
        for number, path in enumerate(paths, 1):
            try:
                self._files[path] = files.read(self._engine, self._root, path)
            except (LakeUnusable, Unreadable) as error:
                self.damaged[path] = str(error)
            yield number, len(paths)
        self._state = catalog_rows.state(self._files.values(), self._marker, str(uuid4()))
        self.cursor = catalog_rows.resume(list(self._files.values()), self._marker)

    def choose(self) -> Progress:
        """Keeps in each partition the files that hold its events once; the others become orphans."""
        partitions: defaultdict[PartitionKey, list[LakeFile]] = defaultdict(list)
        for file in self._files.values():
            partitions[file.row.dataset, file.row.hour].append(file)
        several = [group for group in partitions.values() if len(group) > 1]
        for number, group in enumerate(several, 1):
            choice = files.choose(self._engine, self._root, group)
            if choice.overlap:
                self._dedupe(choice.kept)
            self._set_aside([file.row.path for file in choice.covered])
            yield number, len(several)
        for path in self.damaged:
            orphans.set_aside(self._root, path)

    def _dedupe(self, kept: Sequence[LakeFile]) -> None:
        """Rewrites files that share rows as one, as a compaction would."""
        job = RewriteJob(kept[0].row.dataset, kept[0].row.hour, tuple(file.listed for file in kept), Reason.LATE)
        self._state = self._state._replace(compact=self._state.compact + 1)
        origin = Origin(
            self._state.catalog, Writer.COMPACT, self._state.compact, self._state.flush, self.cursor, job.at_ingest_time
        )
        deletions = take_snapshot(self._scratch)
        new = rewrite(self._engine, self._root, job, deletions, False, origin, lambda: False)
        new.pending.publish()
        self._files[new.pending.path] = files.read(self._engine, self._root, new.pending.path)
        self._set_aside([file.row.path for file in kept])

    def _set_aside(self, paths: Sequence[str]) -> None:
        for path in paths:
            del self._files[path]
            orphans.set_aside(self._root, path)

    def add_tombstones(self) -> Progress:
        """And inactive accounts. Both hold even if this run does not finish."""
        tasks = [partial(self._account, *part) for part in self._parts("accounts")]
        for dataset in STATEFUL:
            tasks += [partial(self._versions, dataset, *part) for part in self._parts(dataset, "deletes")]
        tasks += [partial(self._interactions, dataset) for dataset in INTERACTIONS]
        for number, task in enumerate(tasks, 1):
            task()
            yield number, len(tasks)

    def _parts(self, *datasets: str) -> list[tuple[int, int]]:
        """(parts, part) of the rows, divided by a hash of the DID; empty if there are no rows."""
        rows = [file.row.rows for file in self._files.values() if file.row.dataset in datasets]
        parts = sum(rows) // KEYS_AT_ONCE + 1
        return [(parts, part) for part in range(parts)] if rows else []

    def _account(self, parts: int, part: int) -> None:
        values = {"files": self._paths("accounts"), "parts": parts, "part": part}
        states = [AccountState(*row) for row in self._engine.rows(read_sql(SQL / "rebuilt_accounts.sql"), values)]
        for start in range(0, len(states), ROWS_AT_ONCE):
            with transaction.atomic():
                commits.set_accounts(states[start : start + ROWS_AT_ONCE])
        self.accounts += len(states)

    def _versions(self, dataset: str, parts: int, part: int) -> None:
        collection = DATASETS[dataset].collection
        values = {"parts": parts, "part": part, "young": microseconds(datetime.now(UTC) - KEPT)}
        self._add("rebuilt_tombstones.sql", dataset, f"'{collection}'" if collection else "collection", values)

    def _interactions(self, dataset: str) -> None:
        """Of likes and the like, which have few."""
        self._add("rebuilt_interactions.sql", dataset, DATASETS[dataset].collection or "", {})

    def _add(self, sql: str, dataset: str, collection: str, values: Mapping[str, Any]) -> None:
        """The tombstones that this SQL makes of the dataset and its deletes."""
        paths = {name: own for name in (dataset, "deletes") if (own := self._paths(name))}
        statement = read_sql(SQL / sql).format(
            collection=collection,
            condition=deletes_of(dataset),
            versions=_source(dataset) if dataset in paths else NO_ROWS,
            deletes=_source("deletes") if "deletes" in paths else NO_ROWS,
        )
        tombstones = [NewTombstone(*row) for row in self._engine.rows(statement, {**paths, **values})]
        with transaction.atomic():
            commits.add_tombstones(tombstones)
        self.tombstones += len(tombstones)

    def _paths(self, dataset: str) -> list[str]:
        return [str(self._root / path) for path, file in self._files.items() if file.row.dataset == dataset]

    def commit(self) -> None:
        """Fills the catalog in one transaction. Raises LakeUnusable when it has been filled meanwhile."""
        runs = catalog_rows.batch_runs(self._files.values())
        with transaction.atomic():
            _require_empty()
            for run in runs:
                run.save()
            DataFile.objects.bulk_create([file.row for file in self._files.values()], ROWS_AT_ONCE)
            if self.cursor:
                commits.set_checkpoint(self.cursor)
            CatalogIdentity.objects.update_or_create(pk=CatalogIdentity.ONLY, defaults=self._state._asdict())
        identity.write_marker(self._root, self._state)
        index_upkeep.remove_orphans(self._root)
        sweep.finish(self._root)


def _source(name: str) -> str:
    """Reads the paths that are bound to this name."""
    return f"FROM lake_rows(${name})"


def _require_empty() -> None:
    if count := DataFile.objects.count():
        raise LakeUnusable(
            f"The catalog lists {count:,} files already: rebuild_catalog fills an empty one only. Move it away with "
            "its -wal and -shm, run manage.py migrate, then begin again."
        )
