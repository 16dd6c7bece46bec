"""A backup becomes a lake and its catalog again, in an empty place."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from uuid import UUID

from ingest.models import Checkpoint
from lake.catalog import identity
from lake.catalog.identity import State
from lake.errors import LakeError
from lake.models import CatalogIdentity
from lake.recovery import manifest
from lake.recovery.backup import MARK, alone, copy, handles_of, refuse_place
from lake.recovery.manifest import LAKE, Entry, Manifest
from lake.storage import disk


class Restore:
    """`database`, `root`: where to, DATABASE_PATH and LAKE_ROOT. Afterwards `damaged` are the files that were left out,
    below LAKE_ROOT."""

    def __init__(self, folder: Path, database: Path, root: Path) -> None:
        self._folder, self._database, self._root = folder, database, root
        self.damaged: list[str] = []
        self.made_at = ""

    def run(self) -> Iterator[tuple[int, int]]:
        """Does the work; gives (files done, files) as it goes. The catalog comes last: without it nothing starts.

        Raises LakeError when there is no whole backup, or when the place is not empty."""
        with alone(self._folder) if (self._folder / MARK).exists() else nullcontext():
            made = self._whole()
            self.made_at = made.made_at
            self._require_empty()
            with disk.disk_errors(self._root):
                self._root.mkdir(exist_ok=True)
                for number, entry in enumerate(made.files, 1):
                    if not self._bring(self._folder / LAKE / entry.path, self._root / entry.path, entry):
                        self.damaged.append(entry.path)
                    yield number, len(made.files)
                if state := _state(self._folder / made.catalog.path):
                    identity.write_marker(self._root, state)
            with disk.disk_errors(self._database):
                self._bring_databases(made)

    def resumes_at_us(self) -> int | None:
        """Where the consumer goes on when Redis is empty, microseconds; None: the catalog holds nothing yet."""
        with closing(sqlite3.connect(f"{self._database.as_uri()}?mode=ro", uri=True)) as database:
            row = database.execute(f"SELECT time_us FROM {Checkpoint._meta.db_table}").fetchone()
        return row[0] if row else None

    def _whole(self) -> Manifest:
        made = manifest.read(self._folder)
        if made is None:
            raise LakeError(f"{self._folder} has no {manifest.NAME}: no backup was ever finished there.")
        for entry in filter(None, (made.catalog, made.handles)):
            path = self._folder / entry.path
            if not path.is_file() or disk.sha256(path) != entry.sha256:
                raise LakeError(f"{path} is missing or damaged: use another backup.")
        return made

    def _require_empty(self) -> None:
        refuse_place(self._folder, self._database, self._root)
        for path in (self._database, handles_of(self._database)):
            if path.exists():
                raise LakeError(f"{path} exists: restore into an empty place only. Move it away, or set DATABASE_PATH.")
        if self._root.exists() and (not self._root.is_dir() or any(self._root.iterdir())):
            raise LakeError(f"LAKE_ROOT {self._root} is not empty: restore into an empty place only. Move it away.")
        for parent in (self._database.parent, self._root.parent):
            if not parent.is_dir():
                raise LakeError(f"{parent} does not exist: mount or create it, then restore again.")

    def _bring_databases(self, made: Manifest) -> None:
        for entry, target in ((made.handles, handles_of(self._database)), (made.catalog, self._database)):
            if entry is not None and not self._bring(self._folder / entry.path, target, entry):
                raise LakeError(f"{self._folder / entry.path} changed while it was read: use another backup.")

    def _bring(self, source: Path, target: Path, entry: Entry) -> bool:
        """False when the backup's file is missing or damaged; then there is none."""
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.tmp")
        try:
            sound = copy(source, temporary) == entry.sha256
        except FileNotFoundError:
            return False
        if sound:
            temporary.rename(target)
        else:
            temporary.unlink()
        return sound


def _state(catalog: Path) -> State | None:
    """What the marker of a catalog's lake says; None of one that has no identity: the first writer makes it."""
    sql = f"SELECT catalog, flush, compact FROM {CatalogIdentity._meta.db_table}"
    with closing(sqlite3.connect(f"{catalog.absolute().as_uri()}?mode=ro", uri=True)) as database:
        try:
            row = database.execute(sql).fetchone()
        except sqlite3.OperationalError:  # of version 0.1
            return None
    return State(str(UUID(row[0])), row[1], row[2]) if row else None
