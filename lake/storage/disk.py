"""Folders and files on the disk: make, sync, list, remove; errors of the disk as one sentence."""

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from lake.errors import LakeUnusable

log = structlog.get_logger("files")

LEAST_FREE_BYTES, LEAST_FREE_SHARE = 1 << 30, 0.01  # less than both is a full disk


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_folder(root: Path, folder: str) -> None:
    """Makes the folder below the root, durably. Never makes the root: it may be a mount that is absent."""
    if not root.is_dir():
        raise LakeUnusable(f"LAKE_ROOT {root} is missing: mount it or create it, then start again.")
    path = root
    for part in folder.split("/"):
        parent, path = path, path / part
        if not path.is_dir():
            path.mkdir(exist_ok=True)
            sync_folder(parent)


def sync_folder(folder: Path) -> None:
    """Makes the folder's entries durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folders(root: Path) -> None:
    """Makes the entries of all folders below the root durable, and the root's own."""
    for folder, _, _ in os.walk(root):
        sync_folder(Path(folder))
    sync_folder(root.parent)


def sync_with_parents(folders: Iterable[Path], top: Path) -> None:
    """Makes the entries of these folders durable, of `top` that has them all, and of the folders between. The folder
    above `top`, too, which has its name."""
    between = {parent for folder in folders for parent in (folder, *folder.parents) if parent.is_relative_to(top)}
    for folder in sorted({*between, top, top.parent}):
        sync_folder(folder)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Raises LakeUnusable in place of OSError, with what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise LakeUnusable(f"The disk of {path} is full: make room, then start again. Nothing is lost.") from error
        if error.errno == errno.ENOENT:
            raise LakeUnusable(
                f"{path} or a folder in it is missing: mount it or restore it, then start again. Nothing is lost."
            ) from error
        raise LakeUnusable(f"{path} can't be written ({error.strerror}): mend that, then start again.") from error


def complaint(path: Path, writes: bool = True) -> str:
    """What keeps the disk of this folder from taking files, in a sentence; empty: nothing. `writes`: it is mounted for
    this process to write on it."""
    try:
        state = os.statvfs(path)
    except OSError as error:
        return f"{path} can't be reached ({error.strerror}): mount it or create it"
    if writes and state.f_flag & os.ST_RDONLY:
        return f"The disk of {path} is read-only: mend it and mount it for writing"
    free, size = state.f_bavail * state.f_frsize, state.f_blocks * state.f_frsize
    if free < min(LEAST_FREE_BYTES, size * LEAST_FREE_SHARE):
        return f"The disk of {path} is full ({free / 1e6:,.0f} MB are free): make room"
    return ""


def write_whole(path: Path, text: str) -> None:
    """Replaces the file, atomically and durably."""
    temporary = path.with_name(f"{path.name}.tmp")
    with temporary.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    sync_folder(path.parent)


def files_below(root: Path) -> Iterator[Path]:
    """Paths, below the root, of all files at the root and in its folders. Folders at the root whose names begin with a
    dot are skipped; other hidden files are not."""
    for folder, folders, names in os.walk(root):
        if folder == str(root):
            folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            yield (Path(folder) / name).relative_to(root)


def remove_file(root: Path, path: Path, why: str) -> None:
    log.warning("removed file", path=str(path), why=why)
    (root / path).unlink()
