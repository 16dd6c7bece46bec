"""The transactions that change what exists. Between two of them nothing is half true."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from ingest.buffer.entries import Cursor
from ingest.models import Checkpoint
from lake.catalog import clock
from lake.catalog.clock import Turn
from lake.catalog.listing import PATHS_AT_ONCE, ingest_time
from lake.errors import LakeUnusable
from lake.models import BatchRun, DataFile, InactiveAccount, IndexFile, Tombstone
from lake.storage.parquet_writer import PendingFile
from lake.withheld_models import SignedInOnlyAccount
from process.instants import utc

PROFILE, PROFILE_KEY = "app.bsky.actor.profile", "self"  # an account has one
_SET_PROFILE = f"""
    INSERT OR REPLACE INTO {SignedInOnlyAccount._meta.db_table} (did, rev, asks, learned_at) SELECT %s, %s, %s, %s
    WHERE NOT EXISTS (SELECT 1 FROM {SignedInOnlyAccount._meta.db_table} WHERE did = %s AND rev >= %s)
    AND (%s OR EXISTS (SELECT 1 FROM {SignedInOnlyAccount._meta.db_table} WHERE did = %s))
    AND NOT EXISTS (SELECT 1 FROM {Tombstone._meta.db_table}
        WHERE did = %s AND collection = %s AND rkey = %s AND rev > %s)
"""  # noqa: S608 - our own names

Advance = Callable[[], None]  # gives a commit its number: Claim.advance


class NewFile(NamedTuple):
    """`at_ingest_time`: rows whose seen is their ingest time. `unpurged`: deleted rows that keep their text."""

    pending: PendingFile
    at_ingest_time: int
    unpurged: int = 0


class NewTombstone(NamedTuple):
    """Versions of (did, collection, rkey) below `rev` must not show: this is a newer one, or it is `deleted`.
    `seen_us`: from when on it exists; of a late row, its `learned`."""

    did: str
    collection: str
    rkey: str
    rev: str
    deleted: bool
    seen_us: int


class AccountState(NamedTuple):
    """What the latest account event of a DID says. `time_us`: the event's own time."""

    did: str
    active: bool
    status: str
    time_us: int
    seq: int


class ProfileState(NamedTuple):
    """What the latest profile of a DID, or its delete, says: whether it `asks` to be shown only to known readers."""

    did: str
    rev: str
    asks: bool


@dataclass(frozen=True)
class Commit:
    """All that one batch changes. `checkpoint`: where to resume after it. `turn`: with the lake's clock."""

    run: BatchRun
    files: Sequence[NewFile]
    tombstones: Sequence[NewTombstone]
    accounts: Sequence[AccountState]
    checkpoint: Cursor | None
    turn: Turn
    profiles: Sequence[ProfileState] = ()


def commit(change: Commit, advance: Advance) -> None:
    """From here on the batch exists."""
    with transaction.atomic():
        advance()
        change.run.learned_us = change.turn.learned_us if any(file.pending.late_rows for file in change.files) else 0
        learned_us = clock.advance(change.turn, change.run.last_seen, ingest_time(change.run.last_id))
        change.run.save()
        DataFile.objects.bulk_create([_row(file, change.run) for file in change.files])
        add_tombstones(change.tombstones)
        set_accounts(change.accounts, utc(learned_us))
        set_profiles(change.profiles)
        if change.checkpoint:
            set_checkpoint(change.checkpoint)


def add_labels(files: Sequence[NewFile], advance: Advance, turn: Turn, also: Callable[[], None]) -> None:
    """From here on the files exist, and what `also` writes is true. `turn`: with the lake's clock."""
    with transaction.atomic():
        advance()
        clock.advance(turn, None, None)
        DataFile.objects.bulk_create([_row(file, None) for file in files])
        also()


def swap(old: Sequence[str], new: NewFile, advance: Advance) -> None:
    """From here on the new file exists and the old ones, given by their paths, are superseded. Raises LakeUnusable if
    one of these is not listed."""
    with transaction.atomic():
        advance()
        superseded = DataFile.listed.filter(path__in=old).update(superseded_at=timezone.now())
        if superseded != len(old):
            raise LakeUnusable("Files were replaced by someone else: only one compact_lake may run on a catalog.")
        _row(new, None).save()


def supersede(paths: Sequence[str], advance: Advance = lambda: None) -> None:
    """From here on these data files and indexes are superseded. Indexes alone need no number."""
    with transaction.atomic():
        advance()
        for start in range(0, len(paths), PATHS_AT_ONCE):
            part = paths[start : start + PATHS_AT_ONCE]
            for model in (DataFile, IndexFile):
                model.listed.filter(path__in=part).update(superseded_at=timezone.now())


def set_checkpoint(cursor: Cursor) -> None:
    if cursor.time_us:
        Checkpoint.objects.update_or_create(pk=1, defaults=cursor._asdict())


def checkpoint() -> Cursor | None:
    """Where to resume after the latest batch."""
    row = Checkpoint.objects.first()
    return Cursor(row.time_us, row.host, row.seq) if row else None


def add_tombstones(tombstones: Sequence[NewTombstone]) -> None:
    """In any order, also those that are there. Ids only grow: a reader goes on from the last one that it has read."""
    table, adapt = Tombstone._meta.db_table, connection.ops.adapt_datetimefield_value
    rows = [(*new[:5], adapt(utc(new.seen_us))) for new in tombstones]
    columns, values = "(did, collection, rkey, rev, deleted, seen)", "(%s, %s, %s, %s, %s, %s)"
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} {columns} VALUES {values} ON CONFLICT DO NOTHING",  # noqa: S608 - our own names
            rows,
        )


def set_accounts(states: Sequence[AccountState], learned: datetime | None = None) -> None:
    """At most one state of each account. A stored one that is later stays. `learned`: when, by the lake's clock; None:
    nobody knows, at the latest now."""
    stored = InactiveAccount.objects.in_bulk([state.did for state in states])
    news = [state for state in states if not _is_later(stored.get(state.did), state)]
    InactiveAccount.objects.filter(did__in=[state.did for state in news if state.did in stored]).delete()
    InactiveAccount.objects.bulk_create(
        InactiveAccount(
            did=state.did,
            status=state.status,
            time_us=state.time_us,
            seq=state.seq,
            learned_at=learned or timezone.now(),
        )
        for state in news
        if not state.active
    )


def set_profiles(states: Sequence[ProfileState]) -> None:
    """After the tombstones: of a profile that comes late they tell that a newer one, or its delete, came before. Only
    those that ask, and those of accounts that did, are stored."""
    now = timezone.now()
    rows = [
        (*(did, rev, asks, now), *(did, rev), *(asks, did), *(did, PROFILE, PROFILE_KEY, rev))
        for did, rev, asks in states
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_SET_PROFILE, rows)


def _is_later(stored: InactiveAccount | None, state: AccountState) -> bool:
    return stored is not None and (stored.time_us, stored.seq) > (state.time_us, state.seq)


def _row(new: NewFile, run: BatchRun | None) -> DataFile:
    """`run`: None for a compacted file, and for labels."""
    pending = new.pending
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
        rows_by_arrival=new.at_ingest_time,
        late_rows=pending.late_rows,
        sha256=pending.sha256,
        batch=run,
        unpurged=new.unpurged,
    )
