"""Reads and writes the catalog. What a batch did becomes true in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from ingest.buffer.entries import Cursor
from ingest.models import Checkpoint
from lake.catalog.listing import PATHS_AT_ONCE
from lake.errors import LakeUnusable
from lake.models import BatchRun, DataFile, InactiveAccount, IndexFile, Tombstone
from lake.storage.parquet_writer import PendingFile
from process.instants import utc


class NewTombstone(NamedTuple):
    """Versions of this record below `rev` must not show: this is a newer one, or it is `deleted`."""

    did: str
    collection: str
    rkey: str
    rev: str
    deleted: bool
    seen_us: int


class AccountState(NamedTuple):
    did: str
    active: bool
    status: str
    time_us: int
    seq: int


@dataclass
class Commit:
    """All that one batch changes."""

    run: BatchRun
    files: list[tuple[PendingFile, int]] = field(default_factory=list)  # and rows whose seen is their arrival
    tombstones: list[NewTombstone] = field(default_factory=list)
    accounts: list[AccountState] = field(default_factory=list)
    checkpoint: Cursor | None = None


def commit(change: Commit, reach: Callable[[], None]) -> None:
    """The moment at which a batch exists: its files, its tombstones, its accounts and where to resume, or nothing.
    `reach` gives the commit its number."""
    with transaction.atomic():
        reach()
        change.run.save()
        DataFile.objects.bulk_create([data_file_row(pending, arrived, change.run) for pending, arrived in change.files])
        add_tombstones(change.tombstones)
        set_accounts(change.accounts)
        if change.checkpoint:
            set_checkpoint(change.checkpoint)


def set_checkpoint(cursor: Cursor) -> None:
    if cursor.time_us:
        Checkpoint.objects.update_or_create(pk=1, defaults=cursor._asdict())


def checkpoint() -> Cursor | None:
    """Where to resume after the latest commit."""
    data_file_row = Checkpoint.objects.first()
    return Cursor(data_file_row.time_us, data_file_row.host, data_file_row.seq) if data_file_row else None


def swap(old: Sequence[str], new: Sequence[DataFile], reach: Callable[[], None]) -> None:
    """The moment at which compaction happens: new files take the places of old ones. Raises LakeUnusable,
    and nothing has happened, when one of the old files is none of the lake's any more."""
    with transaction.atomic():
        reach()
        now = timezone.now()
        replaced = DataFile.listed.filter(path__in=old).update(superseded_at=now)
        if replaced != len(old):
            raise LakeUnusable("Files were replaced by someone else: only one compact_lake may run on a catalog.")
        DataFile.objects.bulk_create(new)


def supersede(paths: Sequence[str], reach: Callable[[], None] = lambda: None) -> None:
    """These files and indexes are none of the lake's from now on. `reach`: as of every commit that changes files."""
    with transaction.atomic():
        reach()
        for start in range(0, len(paths), PATHS_AT_ONCE):
            part = paths[start : start + PATHS_AT_ONCE]
            for model in (DataFile, IndexFile):
                model.listed.filter(path__in=part).update(superseded_at=timezone.now())


def data_file_row(pending: PendingFile, arrived: int, run: BatchRun | None, unpurged: int = 0) -> DataFile:
    return DataFile(
        path=pending.path,
        dataset=pending.dataset,
        hour=pending.hour,
        rows=pending.rows,
        bytes=pending.bytes,
        min_seen=pending.min_seen,
        max_seen=pending.max_seen,
        min_created=pending.min_created,
        max_created=pending.max_created,
        rows_by_arrival=arrived,
        sha256=pending.sha256,
        batch=run,
        unpurged=unpurged,
    )


def add_tombstones(versions: Sequence[NewTombstone]) -> None:
    """Adds tombstones, in whatever order they come. Their pk only grows: who has read up to one reads on from there."""
    table = Tombstone._meta.db_table
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} (did, collection, rkey, rev, deleted, seen) VALUES (%s, %s, %s, %s, %s, %s) "  # noqa: S608
            "ON CONFLICT DO NOTHING",
            [(*version[:5], connection.ops.adapt_datetimefield_value(utc(version.seen_us))) for version in versions],
        )


def set_accounts(states: Sequence[AccountState]) -> None:
    """Each state is the latest that the batch and the lake know; what is stored already may be later still."""
    stored = InactiveAccount.objects.in_bulk([state.did for state in states])
    news = [state for state in states if not _is_later(stored.get(state.did), state)]
    InactiveAccount.objects.filter(did__in=[state.did for state in news if state.did in stored]).delete()
    InactiveAccount.objects.bulk_create(
        InactiveAccount(did=state.did, status=state.status, time_us=state.time_us, seq=state.seq)
        for state in news
        if not state.active
    )


def _is_later(stored: InactiveAccount | None, state: AccountState) -> bool:
    return stored is not None and (stored.time_us, stored.seq) > (state.time_us, state.seq)
