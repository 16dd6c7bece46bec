"""Reads and writes the catalog. What a batch did becomes true in one transaction."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeVar

from django.db import connection, transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from ingest.entries import Cursor
from ingest.models import Checkpoint
from lake.errors import LakeUnusable, Superseded
from lake.files import Pending
from lake.models import BatchRun, DataFile, InactiveAccount, IndexFile, Tombstone

PATHS_AT_ONCE = 1000  # SQLite takes 32,766 values
REPEATS = 20  # of a read whose files were replaced meanwhile: to make one takes some ten milliseconds at least
T = TypeVar("T")
NEARBY = timedelta(minutes=10)  # hosts stamp one event at different times, never so far apart
# An event too far ahead to be believed is there by its arrival; when a host replays it, 36 h later at most, it may be
# believed.
AHEAD = timedelta(hours=38)
# What was seen so long ago when it comes is no replay of a host: tombstones of that time may have gone.
LATE = timedelta(days=2)


class Version(NamedTuple):
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
    files: list[tuple[Pending, int]] = field(default_factory=list)  # and rows whose seen is their arrival
    tombstones: list[Version] = field(default_factory=list)
    accounts: list[AccountState] = field(default_factory=list)
    checkpoint: Cursor | None = None


def commit(change: Commit) -> None:
    """The moment at which a batch exists: its files, its tombstones, its accounts and where to resume, or nothing."""
    with transaction.atomic():
        change.run.save()
        DataFile.objects.bulk_create([row(pending, arrived, change.run) for pending, arrived in change.files])
        _bury(change.tombstones)
        _set_accounts(change.accounts)
        if change.checkpoint and change.checkpoint.time_us:
            time_us, host, seq = change.checkpoint
            Checkpoint.objects.update_or_create(pk=1, defaults={"time_us": time_us, "host": host, "seq": seq})


def swap(old: Sequence[str], new: Sequence[DataFile]) -> None:
    """The moment at which compaction happens: new files take the places of old ones. Raises LakeUnusable,
    and nothing has happened, when one of the old files is none of the lake's any more."""
    with transaction.atomic():
        now = timezone.now()
        replaced = DataFile.objects.filter(path__in=old, superseded_at=None).update(superseded_at=now)
        if replaced != len(old):
            raise LakeUnusable("Files were replaced by someone else: only one compact_lake may run on a catalog.")
        DataFile.objects.bulk_create(new)


def drop(paths: Sequence[str]) -> None:
    """These files and indexes are none of the lake's from now on."""
    with transaction.atomic():
        for start in range(0, len(paths), PATHS_AT_ONCE):
            part = paths[start : start + PATHS_AT_ONCE]
            for model in (DataFile, IndexFile):
                model.objects.filter(path__in=part, superseded_at=None).update(superseded_at=timezone.now())


def row(pending: Pending, arrived: int, run: BatchRun | None, unpurged: int = 0) -> DataFile:
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


def _bury(versions: Sequence[Version]) -> None:
    """Adds tombstones, in whatever order they come. Their pk only grows: who has read up to one reads on from there."""
    table = Tombstone._meta.db_table
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} (did, collection, rkey, rev, deleted, seen) VALUES (%s, %s, %s, %s, %s, %s) "
            "ON CONFLICT DO NOTHING",
            [(*version[:5], connection.ops.adapt_datetimefield_value(utc(version.seen_us))) for version in versions],
        )


def _set_accounts(states: Sequence[AccountState]) -> None:
    """Each state is the latest that the batch and the lake know; what is stored already may be later still."""
    stored = InactiveAccount.objects.in_bulk([state.did for state in states])
    news = [state for state in states if not _is_later(stored.get(state.did), state)]
    InactiveAccount.objects.filter(did__in=[state.did for state in news if state.did in stored]).delete()
    InactiveAccount.objects.bulk_create(
        InactiveAccount(did=state.did, status=state.status, time_us=state.time_us, seq=state.seq)
        for state in news
        if not state.active
    )


def _is_later(row: InactiveAccount | None, state: AccountState) -> bool:
    return row is not None and (row.time_us, row.seq) > (state.time_us, state.seq)


def utc(us: int) -> datetime:
    """Of microseconds since 1970."""
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=us)


def listed(dataset: str) -> "QuerySet[DataFile]":
    """The dataset's files that exist."""
    return DataFile.objects.filter(dataset=dataset, superseded_at=None)


def every_listed() -> "QuerySet[DataFile]":
    """The files that exist."""
    return DataFile.objects.filter(superseded_at=None)


def nearby(dataset: str, ranges: Sequence[tuple[int, int]], arrivals: bool) -> list[str]:
    """Paths of the files in which an event of these times may already be. `ranges`: first and last seen, microseconds.
    `arrivals`: whether there are also rows whose seen is their arrival, which may have come at any time before."""
    meets = Q(rows_by_arrival__gt=0) if arrivals else Q(pk=None)
    for low, high in ranges:
        meets |= Q(max_seen__gte=utc(low) - NEARBY, min_seen__lte=utc(high) + NEARBY)
        meets |= Q(rows_by_arrival__gt=0, max_seen__gte=utc(low) - AHEAD, min_seen__lte=utc(high))
    return list(listed(dataset).filter(meets).values_list("path", flat=True))


def later(dataset: str, seen_us: int) -> list[str]:
    """Paths of the files that hold anything from this time on, some minutes before included."""
    return list(listed(dataset).filter(max_seen__gte=utc(seen_us) - NEARBY).values_list("path", flat=True))


def since(dataset: str, start: datetime | None) -> list[str]:
    """Paths of the files that hold anything seen at that time or later; all of them without one."""
    files = listed(dataset)
    return list((files if start is None else files.filter(max_seen__gte=start)).values_list("path", flat=True))


def newest_seen(dataset: str) -> datetime | None:
    """The latest time of which the dataset holds a row."""
    newest: datetime | None = listed(dataset).aggregate(Max("max_seen"))["max_seen__max"]
    return newest


def reading(ask: Callable[[], list[str]], read: Callable[[list[str]], T]) -> T:
    """What `read` makes of the files that `ask` gives; both again as long as compaction takes files away meanwhile.
    Raises LakeUnusable when one can't be read that is still listed."""
    paths = ask()
    while True:
        try:
            return read(paths)
        except LakeUnusable:
            before, paths = paths, ask()
            if set(paths) >= set(before):
                raise


def known_paths() -> set[str]:
    """All paths that the catalog knows, the superseded ones too."""
    return set(DataFile.objects.values_list("path", flat=True))


def newest(count: int) -> list[str]:
    """Paths of the files listed last."""
    return list(DataFile.objects.filter(superseded_at=None).order_by("-pk").values_list("path", flat=True)[:count])


def repeated(work: Callable[[], T]) -> T:
    """What `work` returns, done anew as often as it raises Superseded."""
    for _ in range(REPEATS):
        with suppress(Superseded):
            return work()
    return work()


@contextmanager
def still_listed(paths: Sequence[str]) -> Iterator[None]:
    """For what reads these files and asks which of their rows are deleted. Raises Superseded when compaction has
    replaced one meanwhile: a file and the tombstones that it makes needless go in one transaction."""
    with unless_replaced(paths):
        yield
    if not all_listed(paths):
        raise Superseded


@contextmanager
def unless_replaced(paths: Sequence[str]) -> Iterator[None]:
    """For what reads these files, of which nothing but the rows matters: once read, they are. Turns LakeUnusable into
    Superseded when compaction has replaced one meanwhile."""
    try:
        yield
    except Superseded:
        raise
    except LakeUnusable as error:
        if all_listed(paths):
            raise
        raise Superseded from error


def all_listed(paths: Sequence[str]) -> bool:
    """Whether each of these files is still one of the lake."""
    parts = (paths[start : start + PATHS_AT_ONCE] for start in range(0, len(paths), PATHS_AT_ONCE))
    return all(DataFile.objects.filter(path__in=part, superseded_at=None).count() == len(part) for part in parts)
