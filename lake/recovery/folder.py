"""The folder of a backup: where it may be, what it may hold, and that one process at a time uses it."""

from contextlib import AbstractContextManager
from pathlib import Path

from lake.errors import LakeError
from lake.recovery import manifest
from lake.recovery.manifest import LAKE
from process.locks import exclusive

MARK = "backup.lock"  # identifies the folder as a backup, and is locked by its user


def refuse_overlap(folder: Path, database: Path, root: Path) -> None:
    """Raises LakeError when the folder contains DATABASE_PATH or LAKE_ROOT, or lies inside one of them."""
    inner = folder.resolve()
    for name, path in (("LAKE_ROOT", root.resolve()), ("DATABASE_PATH", database.resolve())):
        if inner.is_relative_to(path) or path.is_relative_to(inner):
            raise LakeError(f"{folder} and {name} {path} lie inside each other: name a folder apart from it.")


def claim(folder: Path) -> None:
    """Creates the folder, never its parent, and marks it. Raises LakeError when it holds anything but a backup."""
    if folder.exists() and not folder.is_dir():
        raise LakeError(f"{folder} is a file: name a folder.")
    if not folder.parent.is_dir():
        raise LakeError(f"{folder} lies in a folder that does not exist: mount or create {folder.parent}.")
    folder.mkdir(exist_ok=True)
    if not (folder / MARK).exists() and any(folder.iterdir()):
        raise LakeError(f"{folder} is not empty and no backup: name an empty or a new folder.")
    (folder / MARK).touch()


def alone(folder: Path) -> AbstractContextManager[object]:
    """Raises LakeError while another process makes or reads this backup, which may be on a read-only disk."""
    busy = LakeError(f"Another backup or restore uses {folder}: try again when it has ended.")
    return exclusive(folder / MARK, busy, "r")


def remove_databases(folder: Path) -> None:
    """Those that the manifest does not name."""
    named = _named(folder)
    for path in [*folder.glob("catalog-*"), *folder.glob("handles-*")]:
        if path.name not in named:
            path.unlink()


def remove_files(folder: Path) -> int:
    """Files of the lake that the manifest does not name; how many."""
    named, lake = _named(folder), folder / LAKE
    old = [path for path in lake.rglob("*") if path.is_file() and str(path.relative_to(folder)) not in named]
    for path in old:
        path.unlink()
        _remove_empty(path.parent, lake)
    return len(old)


def _named(folder: Path) -> set[str]:
    current = manifest.read(folder)
    return current.paths() if current else set()


def _remove_empty(folder: Path, top: Path) -> None:
    while folder != top and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
