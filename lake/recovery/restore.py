"""Restores a backup into an empty place."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

from lake.catalog import identity
from lake.errors import LakeError
from lake.recovery import manifest
from lake.recovery.databases import handles_path, identity_of, resume_us
from lake.recovery.folder import MARK, alone, refuse_overlap
from lake.recovery.manifest import LAKE, Entry, Manifest
from lake.recovery.transfer import Outcome, transfer
from lake.storage import disk


class Restore:
    """`database`, `root`: the new DATABASE_PATH and LAKE_ROOT. After run(), `damaged` names the files that were left
    out, below LAKE_ROOT."""

    def __init__(self, folder: Path, database: Path, root: Path) -> None:
        self._folder, self._database, self._root = folder, database, root
        self.damaged: list[str] = []
        self.made_at = ""

    def run(self) -> Iterator[tuple[int, int]]:
        """Yields (files done, files). The catalog comes last: without it no process starts. Raises LakeError when the
        backup is incomplete, or the place not empty."""
        with alone(self._folder) if (self._folder / MARK).exists() else nullcontext():
            backup = self._complete_backup()
            self.made_at = backup.made_at
            self._require_empty()
            with disk.disk_errors(self._root):
                self._root.mkdir(exist_ok=True)
                for number, entry in enumerate(backup.files, 1):
                    if not _copy(self._folder / LAKE / entry.path, self._root / entry.path, entry):
                        self.damaged.append(entry.path)
                    yield number, len(backup.files)
                if state := identity_of(self._folder / backup.catalog.path):
                    identity.write_marker(self._root, state)
            with disk.disk_errors(self._database):
                self._copy_databases(backup)

    def resume_us(self) -> int | None:
        """Where the consumer resumes when Redis is empty, microseconds; None: the catalog has no commit yet."""
        return resume_us(self._database)

    def _complete_backup(self) -> Manifest:
        backup = manifest.read(self._folder)
        if backup is None:
            raise LakeError(f"{self._folder} has no {manifest.NAME}: no backup was ever finished there.")
        for entry in filter(None, (backup.catalog, backup.handles)):
            path = self._folder / entry.path
            if not path.is_file() or disk.sha256(path) != entry.sha256:
                raise LakeError(f"{path} is missing or damaged: use another backup.")
        return backup

    def _require_empty(self) -> None:
        refuse_overlap(self._folder, self._database, self._root)
        for path in (self._database, handles_path(self._database)):
            if path.exists():
                raise LakeError(f"{path} exists: restore into an empty place only. Move it away, or set DATABASE_PATH.")
        if self._root.exists() and (not self._root.is_dir() or any(self._root.iterdir())):
            raise LakeError(f"LAKE_ROOT {self._root} is not empty: restore into an empty place only. Move it away.")
        for parent in (self._database.parent, self._root.parent):
            if not parent.is_dir():
                raise LakeError(f"{parent} does not exist: mount or create it, then restore again.")

    def _copy_databases(self, backup: Manifest) -> None:
        for entry, target in ((backup.handles, handles_path(self._database)), (backup.catalog, self._database)):
            if entry is not None and not _copy(self._folder / entry.path, target, entry):
                raise LakeError(f"{self._folder / entry.path} changed while it was read: use another backup.")


def _copy(source: Path, target: Path, entry: Entry) -> bool:
    """False, and there is no target, when the source is missing or damaged."""
    try:
        return transfer(source, target, entry.sha256) is Outcome.COPIED
    except FileNotFoundError:
        return False
