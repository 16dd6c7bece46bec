"""Puts one file elsewhere: as a hard link, or as a copy that is compared with its sha256."""

import hashlib
import os
from enum import Enum
from pathlib import Path

from lake.storage import disk

COPY_BYTES = 1 << 20  # at once


class Outcome(Enum):
    KEPT = "kept"
    LINKED = "linked"
    COPIED = "copied"
    DAMAGED = "damaged"


def transfer(source: Path, target: Path, sha256: str, links: bool = False, check: bool = False) -> Outcome:
    """The target appears whole, or not at all when the source has another sha256. With `links` it is a hard link where
    the file system can make one, hashed only with `check`. Raises OSError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.tmp")
    for leftover in (temporary, target):  # perhaps a link to the lake's own file: never write into it
        leftover.unlink(missing_ok=True)
    if links and _link(source, temporary):
        outcome, digest = Outcome.LINKED, disk.sha256(temporary) if check else sha256
    else:
        outcome, digest = Outcome.COPIED, _copy(source, temporary)
    if digest != sha256:
        temporary.unlink()
        return Outcome.DAMAGED
    temporary.rename(target)
    return outcome


def _link(source: Path, target: Path) -> bool:
    """False on another disk and on file systems without links."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        return False
    return True


def _copy(source: Path, target: Path) -> str:
    """Fsyncs the copy; the sha256 of what was read."""
    digest = hashlib.sha256()
    with source.open("rb") as old, target.open("xb") as new:
        while data := old.read(COPY_BYTES):
            digest.update(data)
            new.write(data)
        new.flush()
        os.fsync(new.fileno())
    return digest.hexdigest()
