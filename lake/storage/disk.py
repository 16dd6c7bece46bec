"""Folders and files of the lake on the disk: made, synced, listed, removed; its errors as one sentence."""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from lake.errors import LakeUnusable

log = structlog.get_logger("files")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_folder(root: Path, folder: str) -> None:
    """Makes the folder below the root, never the root itself: a lake that is not mounted must not be begun anew.
    Each new folder's own entry is on the disk before a file in it is listed."""
    if not root.is_dir():
        raise LakeUnusable(f"LAKE_ROOT {root} is missing: mount it or create it, then start again.")
    path = root
    for part in folder.split("/"):
        parent, path = path, path / part
        if not path.is_dir():
            path.mkdir(exist_ok=True)
            sync_folder(parent)


def sync_folder(folder: Path) -> None:
    """Puts the folder's entries on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns an error of the disk into one sentence that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise LakeUnusable(f"The disk of {path} is full: make room, then start again. Nothing is lost.") from error
        raise LakeUnusable(f"{path} can't be written ({error.strerror}): mend that, then start again.") from error


def files_below(root: Path) -> Iterator[Path]:
    """All files below the root's dataset folders and at the root itself, hidden ones too; paths below the root."""
    for folder, folders, names in os.walk(root):
        if folder == str(root):
            folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            yield (Path(folder) / name).relative_to(root)


def remove_file(root: Path, path: Path, why: str) -> None:
    log.warning("removed file", path=str(path), why=why)
    (root / path).unlink()
