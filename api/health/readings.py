"""Reads what the verdicts are made of. Whatever fails while it is read is a reading, too."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from django.conf import settings
from django.db.utils import DatabaseError

from api.answers.reader import reader
from api.health.components import BufferReading, CatalogReading, LakeReading, Readings
from ingest.buffer.redis_stream import Buffer, BufferUnavailable, BufferUnsafe
from lake.catalog import identity, listing, orphans
from lake.catalog.probe import probe
from lake.models import BatchRun, DataFile
from lake.storage import disk
from process import heartbeats

STARTED = time.time()
CHECKED_FILES = 20  # newest listed files: a wrong or missing disk lacks them
ENGINE_SECONDS = 5.0
REDIS_SECONDS = 1.0  # for one reply


def take() -> Readings:
    full = _without_paths(disk.complaint(settings.LAKE_ROOT, writes=False))
    catalog = _catalog(writes=not (full and _same_disk()))
    lake = LakeReading() if catalog.unreadable else _lake()
    return Readings(
        now=time.time(),
        beats={name: _beat(name) for name in heartbeats.COMMANDS},
        buffer=_buffer(),
        catalog=catalog,
        lake=lake._replace(disk=full),
        engine="" if catalog.unreadable or lake.unreadable else _failure(lambda: reader().probe(ENGINE_SECONDS)),
        flush_seconds=settings.FLUSH_INTERVAL_SECONDS,
        high_water=settings.BUFFER_HIGH_WATER,
        asks_appview=bool(settings.APPVIEW_URL),
    )


def newest_seen() -> float | None:
    """Of the searchable events, in seconds since 1970; None: there are none, or the catalog can't be read."""
    try:
        newest = listing.newest_seen()
    except DatabaseError:
        return None
    return newest.timestamp() if newest else None


def _beat(name: str) -> heartbeats.Heartbeat | None:
    found = heartbeats.read(name)
    if found is None:
        return None
    word = {fact: _without_paths(value) if isinstance(value, str) else value for fact, value in found.word.items()}
    return found._replace(word=word)


def _catalog(writes: bool) -> CatalogReading:
    found = probe(writes)
    if found.unreadable:
        return CatalogReading(_without_paths(found.unreadable))
    try:
        files, last = DataFile.listed.count(), BatchRun.objects.first()
    except DatabaseError as error:
        return CatalogReading(f"it can't be read: {error}")
    failed = last is not None and last.state == BatchRun.State.FAILED
    return CatalogReading(
        refuses=_without_paths(found.refuses),
        files=files,
        failed=f"{last.pk}: {_without_paths(last.error)}" if last and failed else "",
        last_batch=None if last is None else (datetime.now(UTC) - last.started_at).total_seconds(),
    )


def _lake() -> LakeReading:
    unreadable = _failure(_require_files)
    if unreadable:
        return LakeReading(unreadable)
    count, _ = orphans.held(settings.LAKE_ROOT)
    return LakeReading(note=f"{count:,} files in LAKE_ROOT/.orphans: look at them, then remove them" if count else "")


def _require_files() -> None:
    missing = [path for path in listing.newest_paths(CHECKED_FILES) if not (settings.LAKE_ROOT / path).is_file()]
    if missing:
        raise FileNotFoundError(f"{missing[0]} is listed and missing below LAKE_ROOT: mount or restore it")
    identity.require_match(settings.LAKE_ROOT)


def _buffer() -> BufferReading:
    buffer = Buffer(settings.REDIS_URL, REDIS_SECONDS)
    try:
        state = buffer.connect().state()
    except (BufferUnavailable, BufferUnsafe) as error:
        return BufferReading(f"{error} (search goes on without it)")
    finally:
        buffer.close()
    oldest = None if state.oldest_ms is None else time.time() - state.oldest_ms / 1000
    return BufferReading("", state.depth, state.fill, oldest)


def _failure(work: Callable[[], object]) -> str:
    """Whatever it is, the component does not work."""
    try:
        work()
    except Exception as error:  # noqa: BLE001
        return _without_paths(str(error) or type(error).__name__)
    return ""


def _same_disk() -> bool:
    try:
        return settings.LAKE_ROOT.stat().st_dev == settings.DATABASE_PATH.parent.stat().st_dev
    except OSError:
        return False


def _without_paths(message: str) -> str:
    """Anonymous clients read it."""
    places = {settings.LAKE_ROOT: "LAKE_ROOT", settings.DATABASE_PATH: "DATABASE_PATH"}
    for path, name in places.items():
        message = message.replace(f"{name} {path}", name).replace(str(path), name)
    return message
