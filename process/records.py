"""What outlives a process, in small files beside the catalog: which errors have ended it, and how the last run of a job
went. The process that ends can't be scraped any more; the web process reads these files.

Files, not tables: an error may be the catalog's own.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from django.conf import settings

log = structlog.get_logger("process")

JOBS = ("backup", "catalog_check", "verification")
# The first of these that an error is. Exception: none of the others, so a bug.
ERROR_TYPES = ("LakeError", "CommandError", "DatabaseError", "OSError", "MemoryError", "Exception")


class LastRun(NamedTuple):
    """`good`: when the last good run ended, in seconds since 1970; None: there was none. `failed`: the latest one
    failed. `ended`: when that ended; None: there was none, or one of version 0.1 failed."""

    good: float | None
    failed: bool
    ended: float | None = None


def error_type(error: BaseException) -> str:
    return next((kind.__name__ for kind in type(error).__mro__ if kind.__name__ in ERROR_TYPES), "Exception")


@contextmanager
def errors_counted(process: str) -> Iterator[None]:
    """Counts an error that leaves the block, and so ends the process. A stop is none."""
    try:
        yield
    except Exception as error:
        counts, kind = errors_of(process), error_type(error)
        _write(_errors_path(process), counts | {kind: counts[kind] + 1})
        raise


def errors_of(process: str) -> dict[str, int]:
    """How often an error of each type has ended the process since the catalog was set up."""
    found = _read(_errors_path(process))
    return {kind: _number(found.get(kind)) for kind in ERROR_TYPES}


@contextmanager
def job(name: str) -> Iterator[None]:
    """Records how the run of one of JOBS ends. One that is interrupted has neither failed nor succeeded."""
    try:
        yield
    except Exception:
        job_failed(name)
        raise
    now = time.time()
    _write(_path(name), {"good": now, "failed": False, "ended": now})


def job_failed(name: str) -> None:
    """For a run that could not record it: it was killed, or did not begin."""
    _write(_path(name), {"good": last_run(name).good, "failed": True, "ended": time.time()})


def last_run(name: str) -> LastRun:
    found = _read(_path(name))
    return LastRun(_time(found.get("good")), found.get("failed") is True, _time(found.get("ended")))


def job_report(name: str) -> Path:
    """What the latest run that `maintain_lake` has started printed."""
    return _path(name).with_suffix(".txt")


def _errors_path(process: str) -> Path:
    return _path(f"errors-{process}")


def _path(name: str) -> Path:
    return Path(f"{settings.DATABASE_PATH}.records") / f"{name}.json"


def _read(path: Path) -> dict[str, Any]:
    """Empty when there is no such file, or it can't be read."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _time(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _write(path: Path, values: dict[str, Any]) -> None:
    """A disk that is full must not hide the error that is being recorded."""
    try:
        path.parent.mkdir(exist_ok=True)
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(values))
        temporary.rename(path)
    except OSError as error:
        log.warning("not recorded", file=str(path), error=str(error))
