"""Backs up catalog and lake while all runs: a snapshot of the catalog, then the files that it lists, linked or copied.
Files are immutable; when compaction has removed one meanwhile, a newer snapshot is taken.

Until the new manifest replaces the old one, the folder holds the previous backup, complete.
"""

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import structlog

from lake.errors import LakeError, LakeUnusable
from lake.recovery import folder as backup_folder
from lake.recovery import manifest
from lake.recovery.databases import copy_database, damage, handles_path, listed_files
from lake.recovery.manifest import LAKE, Entry, Manifest
from lake.recovery.transfer import Outcome, transfer
from lake.storage import disk

log = structlog.get_logger("backup")

ATTEMPTS = 10  # each transfers only what was written since the one before


class _Swapped(Exception):
    """A file of the snapshot has left its place."""


class Backup:
    """`database`, `root`: DATABASE_PATH and LAKE_ROOT. `check`: hash links and kept files too. After run(), `outcomes`
    counts files, and `removed` those that only the previous backup needed."""

    def __init__(self, folder: Path, database: Path, root: Path, check: bool = False) -> None:
        self._folder, self._database, self._root, self._check = folder, database, root, check
        self._previous: dict[str, str] = {}  # sha256 by path
        self._changed: set[Path] = set()  # folders whose entries may not be durable
        self.outcomes: Counter[Outcome] = Counter()
        self.removed = 0

    def run(self) -> Iterator[tuple[int, int]]:
        """Yields (files done, files). Raises LakeError, also when a file of the lake is damaged: the previous backup
        remains."""
        backup_folder.refuse_overlap(self._folder, self._database, self._root)
        if not self._database.is_file():
            raise LakeError(f"There is no catalog at {self._database}: run manage.py migrate, or set DATABASE_PATH.")
        with disk.disk_errors(self._folder):
            backup_folder.claim(self._folder)
        with backup_folder.alone(self._folder), disk.disk_errors(self._folder):
            previous = manifest.read(self._folder)
            self._previous = {entry.path: entry.sha256 for entry in previous.files} if previous else {}
            try:
                made = yield from self._transfer_snapshot()
                disk.sync_with_parents(self._changed, self._folder)
                manifest.write(self._folder, made)
                self.removed = backup_folder.remove_files(self._folder)
            finally:
                backup_folder.remove_databases(self._folder)

    def _transfer_snapshot(self) -> Generator[tuple[int, int], None, Manifest]:
        for _ in range(ATTEMPTS):
            snapshot = self._snapshot()
            try:
                yield from self._transfer_all(snapshot.files)
            except _Swapped as swapped:
                self._require_unlisted(str(swapped))
                log.info("the lake was compacted meanwhile: takes a newer catalog", gone=str(swapped))
            else:
                return snapshot
        raise LakeError(f"The lake changed {ATTEMPTS} times while it was copied: try again when it is quieter.")

    def _snapshot(self) -> Manifest:
        """Copies the databases, and names the files that the copied catalog lists."""
        now = datetime.now(UTC)
        suffix = f"{now:%Y%m%dT%H%M%S.%fZ}.sqlite3"
        catalog = copy_database(self._database, self._folder / f"catalog-{suffix}")
        if problem := damage(self._folder / catalog.path):
            raise LakeUnusable(
                f"The catalog {self._database} is damaged ({problem}): there is no new backup, the previous one is "
                "complete. Restore that, or rebuild the catalog, then back up again.",
                component="catalog",
            )
        handles = handles_path(self._database)
        copied = copy_database(handles, self._folder / f"handles-{suffix}") if handles.exists() else None
        return Manifest(now.isoformat(), catalog, copied, listed_files(self._folder / catalog.path))

    def _transfer_all(self, entries: Sequence[Entry]) -> Iterator[tuple[int, int]]:
        damaged = []
        for number, entry in enumerate(entries, 1):
            outcome = self._transfer(entry)
            self.outcomes[outcome] += 1
            if outcome is not Outcome.KEPT or entry.path not in self._previous:  # kept: of one that was cut short
                self._changed.add((self._folder / LAKE / entry.path).parent)
            if outcome is Outcome.DAMAGED:
                damaged.append(entry.path)
            yield number, len(entries)
        if damaged:
            raise LakeUnusable(
                f"{len(damaged)} files of the lake are damaged, such as {damaged[0]}: there is no new backup, the "
                "previous one is complete. Run verify_lake, restore what it names, then back up again."
            )

    def _transfer(self, entry: Entry) -> Outcome:
        source, target = self._root / entry.path, self._folder / LAKE / entry.path
        if self._has(target, entry):
            return Outcome.KEPT
        try:
            if source.stat().st_size != entry.bytes:
                return Outcome.DAMAGED
            return transfer(source, target, entry.sha256, links=True, check=self._check)
        except FileNotFoundError as error:
            raise _Swapped(entry.path) from error

    def _has(self, target: Path, entry: Entry) -> bool:
        if not target.is_file() or target.stat().st_size != entry.bytes:
            return False
        if self._previous.get(entry.path, entry.sha256) != entry.sha256:  # another file of that name
            return False
        return not self._check or disk.sha256(target) == entry.sha256

    def _require_unlisted(self, path: str) -> None:
        """A file that is missing although the catalog still lists it was lost, not swapped."""
        listed = any(entry.path == path for entry in listed_files(self._database))
        if listed and not (self._root / path).exists():
            raise LakeUnusable(f"LAKE_ROOT {self._root} lacks {path}, which the catalog lists: run verify_lake.")
