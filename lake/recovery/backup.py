"""Backs up catalog and lake while all runs. Files of the lake never change, so a backup takes the catalog as it is at
one moment, then the files that it lists, as links or copies. When one was swapped away meanwhile, it takes another.

Until the new manifest is in place the folder holds the backup before, whole.
"""

import hashlib
import os
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import structlog

from lake.errors import LakeError, LakeUnusable
from lake.models import DataFile, IndexFile
from lake.recovery import manifest
from lake.recovery.manifest import LAKE, Entry, Manifest
from lake.storage import disk
from process.locks import exclusive

log = structlog.get_logger("backup")

MARK = "backup.lock"  # makes a folder one of ours, and keeps a second process out
MOMENTS = 10  # each time only what was swapped since is new
LOCKED_SECONDS = 30
PIECE = 1 << 20


class Swapped(Exception):
    """A file is where the catalog said no more."""


class Backup:
    """`database`, `root`: DATABASE_PATH and LAKE_ROOT. `check`: hash also what the folder has already, and links.
    Afterwards the counts say what was done."""

    def __init__(self, folder: Path, database: Path, root: Path, check: bool = False) -> None:
        self._folder, self._database, self._root, self._check = folder, database, root, check
        self.linked = self.copied = self.kept = self.removed = 0
        self._before: dict[str, str] = {}  # sha256 by path, of the backup that is there

    def run(self) -> Iterator[tuple[int, int]]:
        """Does the work; gives (files done, files) as it goes. Raises LakeError, also when a file of the lake is
        damaged: then the backup before stays."""
        refuse_place(self._folder, self._database, self._root)
        if not self._database.is_file():
            raise LakeError(f"There is no catalog at {self._database}: run manage.py migrate, or set DATABASE_PATH.")
        with disk.disk_errors(self._folder):
            make_ours(self._folder)
        with alone(self._folder), disk.disk_errors(self._folder):
            before = manifest.read(self._folder)
            self._before = {entry.path: entry.sha256 for entry in before.files} if before else {}
            try:
                manifest.write(self._folder, (yield from self._moments()))
                self.removed = clean(self._folder, whole=True)
            finally:
                clean(self._folder, whole=False)

    def _moments(self) -> Generator[tuple[int, int], None, Manifest]:
        for _ in range(MOMENTS):
            moment = self._moment()
            try:
                yield from self._take_all(moment.files)
            except Swapped as swapped:
                self._require_swapped(str(swapped))
                log.info("the lake was compacted meanwhile: takes the catalog anew", gone=str(swapped))
            else:
                return moment
        raise LakeError(f"The lake changed {MOMENTS} times while it was copied: try again when it is quieter.")

    def _moment(self) -> Manifest:
        """The databases as they are now, and the files that the catalog lists."""
        now = datetime.now(UTC)
        catalog, *others = (
            _snapshot(path, self._folder / f"{name}-{now:%Y%m%dT%H%M%S.%fZ}.sqlite3")
            for name, path in (("catalog", self._database), ("handles", handles_of(self._database)))
            if path.exists()
        )
        return Manifest(now.isoformat(), catalog, next(iter(others), None), _listed(self._folder / catalog.path))

    def _take_all(self, entries: list[Entry]) -> Iterator[tuple[int, int]]:
        damaged = []
        for number, entry in enumerate(entries, 1):
            try:
                sound = self._take(entry)
            except FileNotFoundError as error:
                raise Swapped(entry.path) from error
            if not sound:
                damaged.append(entry.path)
            yield number, len(entries)
        if damaged:
            raise LakeUnusable(
                f"{len(damaged)} files of the lake are damaged, such as {damaged[0]}: no new backup was made, the one "
                "before is whole. Run verify_lake, restore what it names, then back up again."
            )

    def _take(self, entry: Entry) -> bool:
        """False when the lake's file is damaged."""
        target = self._folder / LAKE / entry.path
        if self._has(target, entry):
            self.kept += 1
            return True
        source, temporary = self._root / entry.path, target.with_name(f".{target.name}.tmp")
        if source.stat().st_size != entry.bytes:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        for old in (temporary, target):
            old.unlink(missing_ok=True)
        if _link(source, temporary):
            sound = not self._check or disk.sha256(temporary) == entry.sha256
            self.linked += sound
        else:
            sound = copy(source, temporary) == entry.sha256
            self.copied += sound
        if sound:
            temporary.rename(target)
        else:
            temporary.unlink()
        return sound

    def _has(self, target: Path, entry: Entry) -> bool:
        if not target.is_file() or target.stat().st_size != entry.bytes:
            return False
        if self._before.get(entry.path, entry.sha256) != entry.sha256:  # another file of that name
            return False
        return not self._check or disk.sha256(target) == entry.sha256

    def _require_swapped(self, path: str) -> None:
        """A file that the catalog still lists is lost, not swapped."""
        with closing(_open(self._database)) as database:
            listed = any(entry.path == path for entry in _entries(database))
        if listed and not (self._root / path).exists():
            raise LakeUnusable(f"LAKE_ROOT {self._root} lacks {path}, which the catalog lists: run verify_lake.")


def handles_of(database: Path) -> Path:
    """Where the handles live: beside the catalog."""
    return database.with_suffix(".handles.sqlite3")


def refuse_place(folder: Path, database: Path, root: Path) -> None:
    """Raises LakeError when a backup there would be in the way of what it backs up."""
    inner = folder.resolve()
    for name, path in (("LAKE_ROOT", root.resolve()), ("DATABASE_PATH", database.resolve())):
        if inner.is_relative_to(path) or path.is_relative_to(inner):
            raise LakeError(f"{folder} and {name} {path} lie inside each other: name a folder apart from it.")


def make_ours(folder: Path) -> None:
    """Makes the folder, never its parent. Raises LakeError when it holds something else."""
    if folder.exists() and not folder.is_dir():
        raise LakeError(f"{folder} is a file: name a folder.")
    if not folder.parent.is_dir():
        raise LakeError(f"{folder} lies in a folder that does not exist: mount or create {folder.parent}.")
    folder.mkdir(exist_ok=True)
    if not (folder / MARK).exists() and any(folder.iterdir()):
        raise LakeError(f"{folder} holds something that is no backup of ours: name an empty or a new folder.")
    (folder / MARK).touch()


def alone(folder: Path) -> AbstractContextManager[object]:
    """Raises LakeError while another process makes or reads this backup, which may be on a read-only disk."""
    busy = LakeError(f"Another backup or restore uses {folder}: try again when it has ended.")
    return exclusive(folder / MARK, busy, "r")


def clean(folder: Path, whole: bool) -> int:
    """Removes what the manifest does not name: databases, and with `whole` files too. How many files that were."""
    made = manifest.read(folder)
    named = made.paths() if made else set()
    for path in [*folder.glob("catalog-*"), *folder.glob("handles-*")]:
        if path.name not in named:
            path.unlink()
    lake = folder / LAKE
    old = [path for path in lake.rglob("*") if path.is_file() and str(path.relative_to(folder)) not in named]
    for path in old if whole else []:
        path.unlink()
        _remove_empty(path.parent, lake)
    return len(old)


def _remove_empty(place: Path, top: Path) -> None:
    while place != top and not any(place.iterdir()):
        place.rmdir()
        place = place.parent


def copy(source: Path, target: Path) -> str:
    """Onto the disk; the sha256 of what was read."""
    digest = hashlib.sha256()
    with source.open("rb") as old, target.open("xb") as new:
        while piece := old.read(PIECE):
            digest.update(piece)
            new.write(piece)
        new.flush()
        os.fsync(new.fileno())
    return digest.hexdigest()


def _link(source: Path, target: Path) -> bool:
    """False where only a copy is possible: another disk, or a file system without links."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        return False
    return True


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=LOCKED_SECONDS)


def _snapshot(source: Path, target: Path) -> Entry:
    """The database as it is now, others may write to it, as one file without a log."""
    try:
        with closing(_open(source)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new)  # in one step: in several, each write of another process would begin it anew
            new.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise LakeUnusable(
            f"{source} can't be copied to {target.parent} ({error}): mend that, then try again."
        ) from error
    return Entry(target.name, target.stat().st_size, disk.sha256(target))


def _listed(catalog: Path) -> list[Entry]:
    with closing(_open(catalog)) as database:
        return list(_entries(database))


def _entries(database: sqlite3.Connection) -> Iterator[Entry]:
    tables = (model._meta.db_table for model in (DataFile, IndexFile))
    for table in tables:
        sql = f"SELECT path, bytes, sha256 FROM {table} WHERE superseded_at IS NULL ORDER BY path"
        yield from (Entry(*row) for row in database.execute(sql))
