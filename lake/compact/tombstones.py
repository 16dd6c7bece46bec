"""Tombstones and deleted accounts on their way into the files: which partitions they touch, when they can be removed.

A tombstone is applied when every compacted file shows it. It stays for some days more, for rows that come late.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lake.catalog import listing, tombstone_rows
from lake.catalog.listing import ListedFile
from lake.compact.plan import PartitionKey
from lake.errors import Stopped
from lake.models import InactiveAccount, Tombstone
from lake.schema import DATASETS, INTERACTIONS, STATEFUL
from lake.storage import disk
from lake.storage.duckdb_engine import Engine

# A version may come after its delete: a host replays 36 h. Until it is in a compacted file, a day later at most, its
# tombstone must be there. For what comes later than listing.LATE the flusher makes tombstones anew, from the lake.
KEPT = listing.LATE + timedelta(days=2)
ROWS_AT_ONCE = 50_000  # of one write to the catalog, so that the flusher never waits long
DIDS_AT_ONCE = 5_000  # SQLite takes 32,766 values
FILES_AT_ONCE = 64
DELETED_ACCOUNT = "deleted"
TOMBSTONES, DELETED_ACCOUNTS = "tombstones.parquet", "deleted_accounts.parquet"

_TOUCHED = """
    SELECT DISTINCT filename FROM named_lake_rows($files) AS s
    WHERE state IS DISTINCT FROM 'deleted' AND (
        EXISTS (FROM read_parquet($tombstones) AS t
            WHERE NOT t.applied AND {same_uri} AND t.rev > s.rev AND (t.deleted OR s.state IS NULL))
        OR EXISTS (FROM read_parquet($deleted_accounts) AS a WHERE NOT a.applied AND a.did = s.did))
"""


@dataclass(frozen=True)
class DeletionSnapshot:
    """The catalog's tombstones as of one moment, with the accounts that were deleted or have opted out to be purged, in
    Parquet files (columns as in lake/catalog/tombstone_rows.py): memory would not hold some days of them."""

    tombstones: Path
    deleted_accounts: Path
    newest_id: int

    @property
    def parameters(self) -> dict[str, Any]:
        """For SQL that reads both files."""
        return {"tombstones": str(self.tombstones), "deleted_accounts": str(self.deleted_accounts)}


def take_snapshot(scratch: Path) -> DeletionSnapshot:
    """`scratch`: the folder for its files. An older snapshot there is overwritten."""
    newest = tombstone_rows.newest_id()
    taken = DeletionSnapshot(scratch / TOMBSTONES, scratch / DELETED_ACCOUNTS, newest)
    with disk.disk_errors(scratch):
        scratch.mkdir(parents=True, exist_ok=True)
        _write(taken.tombstones, tombstone_rows.TOMBSTONE, tombstone_rows.tombstones(0, newest))
        accounts = tombstone_rows.gone_accounts(DELETED_ACCOUNT)
        _write(taken.deleted_accounts, tombstone_rows.INACTIVE_ACCOUNT, accounts)
    return taken


def remove_snapshot(scratch: Path) -> None:
    """If there is one, and if the disk lets it: the next one takes its place. What else is in the folder stays."""
    for name in (TOMBSTONES, DELETED_ACCOUNTS):
        with suppress(OSError):
            (scratch / name).unlink(missing_ok=True)


def _write(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    with pq.ParquetWriter(path, schema) as writer:
        for table in tables:
            writer.write_table(table)


def touched(
    engine: Engine, root: Path, deletions: DeletionSnapshot, files: Iterable[ListedFile], stop: Callable[[], bool]
) -> set[PartitionKey]:
    """Partitions whose compacted files hold rows that the snapshot makes deleted or superseded and that don't show it
    yet. Of the files only the key columns are read. Raises Stopped."""
    compacted = [file for file in files if file.dataset in STATEFUL and file.compacted]
    found: set[PartitionKey] = set()
    for dataset in STATEFUL:
        own = {str(root / file.path): file for file in compacted if file.dataset == dataset}
        sql, paths = _TOUCHED.format(same_uri=DATASETS[dataset].same_uri("s", "t")), list(own)
        for start in range(0, len(paths), FILES_AT_ONCE):
            if stop():
                raise Stopped
            values = {**deletions.parameters, "files": paths[start : start + FILES_AT_ONCE]}
            found.update((dataset, own[path].hour) for (path,) in engine.rows(sql, values))
    return found


def set_applied(deletions: DeletionSnapshot, now: datetime) -> int:
    """To be called when every partition that the snapshot touches is rewritten. Returns the number of tombstones."""
    done = 0
    waiting = Tombstone.objects.filter(applied_at=None)
    first = waiting.order_by("pk").values_list("pk", flat=True).first() or deletions.newest_id
    for start in range(first, deletions.newest_id + 1, ROWS_AT_ONCE):
        last = min(start + ROWS_AT_ONCE - 1, deletions.newest_id)
        done += waiting.filter(pk__gte=start, pk__lte=last).update(applied_at=now)
    unapplied = pq.read_table(deletions.deleted_accounts, columns=["did"], filters=[("applied", "=", False)])
    dids = unapplied["did"].to_pylist()
    for start in range(0, len(dids), DIDS_AT_ONCE):
        part = dids[start : start + DIDS_AT_ONCE]
        InactiveAccount.objects.filter(did__in=part, status=DELETED_ACCOUNT).update(applied_at=now)
    return done


def remove_expired(now: datetime) -> int:
    """Removes the tombstones that nothing can need any more: not those of likes and the like, of which there are few,
    as their files have no states. Returns their number."""
    stateless = [DATASETS[name].collection for name in INTERACTIONS]
    old = Tombstone.objects.filter(applied_at__lt=now - KEPT, seen__lt=now - KEPT).exclude(collection__in=stateless)
    removed = 0
    while part := Tombstone.objects.filter(pk__in=old.values("pk")[:ROWS_AT_ONCE]).delete()[0]:
        removed += part
    return removed


def oldest_unapplied() -> datetime | None:
    """`seen` of the first tombstone that waits to be applied."""
    waiting = Tombstone.objects.filter(applied_at=None).order_by("pk")
    return waiting.values_list("seen", flat=True).first()
