"""Restores a backup into an empty place."""

from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

from lake.catalog import identity
from lake.errors import LakeError
from lake.recovery import manifest
from lake.recovery.databases import close_connections, handles_path, identity_of
from lake.recovery.folder import MARK, alone, refuse_overlap
from lake.recovery.manifest import LAKE, Entry, Manifest
from lake.recovery.transfer import Outcome, transfer
from lake.storage import disk
from process.progress_bar import tracked


class Restored(NamedTuple):
    """`made_at`: the time of the backup. `damaged`: files that were left out, below LAKE_ROOT."""

    made_at: str
    damaged: list[str]


def restore(folder: Path, database: Path, root: Path) -> Restored:
    """`database`, `root`: the new DATABASE_PATH and LAKE_ROOT. The catalog comes last, when the rest is durable:
    without it no process starts. Raises LakeError when the backup is incomplete, or the place not empty."""
    with alone(folder) if (folder / MARK).exists() else nullcontext():
        backup = _complete_backup(folder)
        _require_empty(folder, database, root)
        with disk.disk_errors(root):
            root.mkdir(exist_ok=True)
            damaged = [
                entry.path
                for entry in tracked(backup.files, "files")
                if not _copy(folder / LAKE / entry.path, root / entry.path, entry)
            ]
            if state := identity_of(folder / backup.catalog.path):
                identity.write_marker(root, state)
            disk.sync_folders(root)
        with disk.disk_errors(database):
            for entry, target in ((backup.handles, handles_path(database)), (backup.catalog, database)):
                if entry is not None and not _copy(folder / entry.path, target, entry):
                    raise LakeError(f"{folder / entry.path} changed while it was read: use another backup.")
                disk.sync_folder(target.parent)
            close_connections(database)
    return Restored(backup.made_at, damaged)


def _complete_backup(folder: Path) -> Manifest:
    backup = manifest.read(folder)
    if backup is None:
        raise LakeError(f"{folder} has no {manifest.NAME}: no backup was ever finished there.")
    for entry in filter(None, (backup.catalog, backup.handles)):
        path = folder / entry.path
        if not path.is_file() or disk.sha256(path) != entry.sha256:
            raise LakeError(f"{path} is missing or damaged: use another backup.")
    return backup


def _require_empty(folder: Path, database: Path, root: Path) -> None:
    refuse_overlap(folder, database, root)
    for path in (database, handles_path(database)):
        if path.exists():
            raise LakeError(f"{path} exists: restore into an empty place only. Move it away, or set DATABASE_PATH.")
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise LakeError(f"LAKE_ROOT {root} is not empty: restore into an empty place only. Move it away.")
    for parent in (database.parent, root.parent):
        if not parent.is_dir():
            raise LakeError(f"{parent} does not exist: mount or create it, then restore again.")


def _copy(source: Path, target: Path, entry: Entry) -> bool:
    """False, and there is no target, when the source is missing or damaged."""
    try:
        return transfer(source, target, entry.sha256) is Outcome.COPIED
    except FileNotFoundError:
        return False
