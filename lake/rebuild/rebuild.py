"""Makes a catalog from the files alone, in one transaction at the end: a killed run starts over.

Not in the files, and lost: admin accounts and API keys, flags, retentions, requests, exports, the log of connections,
and what retention has removed. The next compact_lake builds the indexes.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
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
from lake.flush import profile_states
from lake.flush.statements import define_macros
from lake.models import CatalogIdentity, DataFile
from lake.rebuild import catalog_rows, files
from lake.rebuild.files import LakeFile
from lake.schema import DATASETS, INTERACTIONS, VERSIONED, deletes_of
from lake.storage.duckdb_engine import Engine, Unreadable, read_sql
from lake.storage.origin import Origin, Writer
from process.instants import microseconds
from process.progress_bar import tracked

SQL = Path(__file__).parent / "sql"
log = structlog.get_logger("rebuild")

KEYS_AT_ONCE = 2_000_000  # versions or account events of one query: about 500 MB
ROWS_AT_ONCE = 500  # of the catalog, in one statement or transaction
NO_ROWS = (  # of a dataset without files
    "SELECT '' AS did, '' AS collection, '' AS rkey, '' AS rev, '' AS operation, '' AS state, now() AS seen,"
    " '' AS extra, now() AS learned WHERE false"
)


class Rebuilt(NamedTuple):
    """What the catalog has now. `damaged`: files that can't be used, and why."""

    files: list[LakeFile]
    tombstones: int
    accounts: int
    cursor: Cursor | None
    damaged: dict[str, str]


def rebuild(root: Path, engine: Engine, scratch: Path) -> Rebuilt:
    """Raises LakeUnusable when the catalog is not empty, or there is no lake. The engine must be able to spill.
    `scratch`: a folder for its use alone."""
    if not root.is_dir():
        raise LakeUnusable(f"LAKE_ROOT {root} is missing: mount it, then begin again.")
    _require_empty()
    define_macros(engine)
    found, damaged = _read(root, engine)
    marker = identity.read_marker(root)
    cursor = catalog_rows.resume(found, marker)
    chosen, state = _choose(root, engine, scratch, found, catalog_rows.state(found, marker, str(uuid4())), cursor)
    for path in damaged:
        orphans.set_aside(root, path)
    accounts = _add_accounts(root, engine, chosen)
    tombstones = _add_tombstones(root, engine, chosen)
    _commit(chosen, state, cursor)
    profile_states.catch_up(engine, root)
    identity.write_marker(root, state)
    index_upkeep.remove_orphans(root)
    sweep.finish(root)
    return Rebuilt(chosen, tombstones, accounts, cursor, damaged)


def _read(root: Path, engine: Engine) -> tuple[list[LakeFile], dict[str, str]]:
    found: list[LakeFile] = []
    damaged: dict[str, str] = {}
    for path in tracked(files.finished_paths(root), "files"):
        try:
            found.append(files.read(engine, root, path))
        except (LakeUnusable, Unreadable) as error:
            damaged[path] = str(error)
    return found, damaged


def _choose(
    root: Path, engine: Engine, scratch: Path, found: Sequence[LakeFile], state: State, cursor: Cursor | None
) -> tuple[list[LakeFile], State]:
    """In each partition the files that hold its events once; the others become orphans. And the state after the
    compactions that this took."""
    partitions: defaultdict[PartitionKey, list[LakeFile]] = defaultdict(list)
    for file in found:
        partitions[file.row.dataset, file.row.hour].append(file)
    chosen = [group[0] for group in partitions.values() if len(group) == 1]
    several = [group for group in partitions.values() if len(group) > 1]
    for group in tracked(several, "hours with several files of a dataset"):
        kept, covered, overlap = files.choose(engine, root, group)
        if overlap:
            state = state._replace(compact=state.compact + 1)
            commit, known_us = (state.catalog, Writer.COMPACT, state.compact), catalog_rows.clock_us(kept)
            origin = Origin(*commit, state.flush, cursor, labelled=state.label, clock_us=known_us)
            kept, covered = [_dedupe(root, engine, scratch, kept, origin)], group
        chosen += kept
        for file in covered:
            orphans.set_aside(root, file.row.path)
    return chosen, state


def _dedupe(root: Path, engine: Engine, scratch: Path, kept: Sequence[LakeFile], origin: Origin) -> LakeFile:
    """Rewrites files that share rows as one, as a compaction would."""
    job = RewriteJob(kept[0].row.dataset, kept[0].row.hour, tuple(file.listed for file in kept), Reason.LATE)
    origin = replace(origin, at_ingest_time=job.at_ingest_time)
    new = rewrite(engine, root, job, take_snapshot(scratch), False, origin, lambda: False)
    new.pending.publish()
    return files.read(engine, root, new.pending.path)


def _add_accounts(root: Path, engine: Engine, chosen: Sequence[LakeFile]) -> int:
    """Adds the inactive accounts, and counts them. They hold even if this run does not finish."""
    count, paths = 0, _paths(root, chosen, "accounts")
    for part in tracked(_parts(chosen, "accounts"), "parts of the account events"):
        rows = engine.rows(read_sql(SQL / "rebuilt_accounts.sql"), {"files": paths, **part})
        states = [AccountState(*row) for row in rows]
        for start in range(0, len(states), ROWS_AT_ONCE):
            with transaction.atomic():
                commits.set_accounts(states[start : start + ROWS_AT_ONCE])
        count += len(states)
    return count


def _add_tombstones(root: Path, engine: Engine, chosen: Sequence[LakeFile]) -> int:
    """The same of deletes and newer versions."""
    values = {"young": microseconds(datetime.now(UTC) - KEPT)}
    tasks = [
        ("rebuilt_tombstones.sql", dataset, values | part)
        for dataset in VERSIONED
        for part in _parts(chosen, dataset, "deletes")
    ]
    tasks += [("rebuilt_interactions.sql", dataset, {}) for dataset in INTERACTIONS]
    count = 0
    for sql, dataset, bound in tracked(tasks, "parts of the deletes and newer versions"):
        paths = {name: own for name in (dataset, "deletes") if (own := _paths(root, chosen, name))}
        collection = DATASETS[dataset].collection
        late = any(file.row.late_rows for file in chosen if file.row.dataset in paths)
        statement = read_sql(SQL / sql).format(
            known="coalesce(learned, seen)" if late else "seen",
            collection=f"'{collection}'" if collection else "collection",
            condition=deletes_of(dataset),
            versions=_source(dataset, late) if dataset in paths else NO_ROWS,
            deletes=_source("deletes", late) if "deletes" in paths else NO_ROWS,
        )
        tombstones = [NewTombstone(*row) for row in engine.rows(statement, {**paths, **bound})]
        with transaction.atomic():
            commits.add_tombstones(tombstones)
        count += len(tombstones)
    return count


def _parts(chosen: Sequence[LakeFile], *datasets: str) -> list[dict[str, int]]:
    """Parts of the rows, divided by a hash of the DID; empty if there are no rows."""
    rows = [file.row.rows for file in chosen if file.row.dataset in datasets]
    parts = sum(rows) // KEYS_AT_ONCE + 1
    return [{"parts": parts, "part": part} for part in range(parts)] if rows else []


def _paths(root: Path, chosen: Sequence[LakeFile], dataset: str) -> list[str]:
    return [str(root / file.row.path) for file in chosen if file.row.dataset == dataset]


def _commit(chosen: Sequence[LakeFile], state: State, cursor: Cursor | None) -> None:
    """Fills the catalog in one transaction. Raises LakeUnusable when it has been filled meanwhile."""
    runs = catalog_rows.batch_runs(chosen)
    with transaction.atomic():
        _require_empty()
        for run in runs:
            run.save()
        DataFile.objects.bulk_create([file.row for file in chosen], ROWS_AT_ONCE)
        if cursor:
            commits.set_checkpoint(cursor)
        known = state._asdict() | {"clock_us": catalog_rows.clock_us(chosen)}
        CatalogIdentity.objects.update_or_create(pk=CatalogIdentity.ONLY, defaults=known)


def _source(name: str, late: bool) -> str:
    """Reads the paths that are bound to this name. `late`: with the column `learned`, in whatever file."""
    return f"FROM {'full_lake_rows' if late else 'lake_rows'}(${name})"


def _require_empty() -> None:
    if count := DataFile.objects.count():
        raise LakeUnusable(
            f"The catalog lists {count:,} files already: rebuild_catalog fills an empty one only. Move it away with "
            "its -wal and -shm, run manage.py migrate, then begin again."
        )
