"""The state of each component, in words for the operator."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from django.conf import settings

from api.answers.reader import reader
from ingest.buffer.redis_stream import Buffer, BufferUnavailable, BufferUnsafe
from lake.catalog import identity, listing, orphans
from lake.models import BatchRun, DataFile

CHECKED_FILES = 20  # newest listed files: a wrong or missing disk lacks them
ENGINE_SECONDS = 5.0
REDIS_SECONDS = 1.0  # for one reply


class Component(NamedTuple):
    name: str
    ok: bool
    message: str
    needed: bool  # for searches


def components() -> list[Component]:
    return [
        _checked("catalog", _catalog, needed=True),
        _checked("lake", _lake, needed=True),
        _checked("engine", _engine, needed=True),
        _checked("buffer", _buffer, needed=False),
        _checked("flusher", _flusher, needed=False),
    ]


def _checked(name: str, check: Callable[[], tuple[bool, str]], *, needed: bool) -> Component:
    try:
        ok, message = check()
    except Exception as error:  # noqa: BLE001 - whatever it is, the component does not work
        ok, message = False, f"{type(error).__name__}: {error}"
    return Component(name, ok, _without_paths(message), needed)


def _without_paths(message: str) -> str:
    """Anonymous clients read it."""
    return message.replace(str(settings.LAKE_ROOT), "LAKE_ROOT").replace(str(settings.DATABASE_PATH), "DATABASE_PATH")


def _catalog() -> tuple[bool, str]:
    return True, f"{DataFile.listed.count()} files"


def _lake() -> tuple[bool, str]:
    missing = [path for path in listing.newest_paths(CHECKED_FILES) if not (settings.LAKE_ROOT / path).is_file()]
    if missing:
        return False, f"{missing[0]} is listed and missing below LAKE_ROOT: mount or restore it"
    if mismatch := identity.mismatch(settings.LAKE_ROOT):
        return False, mismatch.replace(f" {settings.LAKE_ROOT}", "")
    count, _ = orphans.held(settings.LAKE_ROOT)
    return True, f"{count:,} files in LAKE_ROOT/.orphans: look at them, then remove them" if count else "mounted"


def _engine() -> tuple[bool, str]:
    reader().probe(ENGINE_SECONDS)
    return True, "answers"


def _buffer() -> tuple[bool, str]:
    buffer = Buffer(settings.REDIS_URL, REDIS_SECONDS)
    try:
        state = buffer.connect().state()
    except (BufferUnavailable, BufferUnsafe) as error:
        return False, f"{error} (search goes on without it)"
    finally:
        buffer.close()
    full = state.fill >= settings.BUFFER_HIGH_WATER
    return not full, f"{state.depth} events, {state.fill:.0%} of Redis's memory"


def _flusher() -> tuple[bool, str]:
    last = BatchRun.objects.first()
    if last is None:
        return False, "no batch yet: is flush_buffer running?"
    age = (datetime.now(UTC) - last.started_at).total_seconds()
    if last.state == BatchRun.State.FAILED:
        return False, f"batch {last.pk} failed: {last.error}"
    return age < 3 * settings.FLUSH_INTERVAL_SECONDS + 60, f"last batch {age:.0f} s ago"
