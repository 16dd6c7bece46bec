"""What is on the disk and not in the catalog, and whether the lake belongs to this catalog at all."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lake.catalog import identity, orphans
from lake.compact import index_upkeep
from lake.models import DataFile, IndexFile
from lake.storage import disk, layout
from lake.verify.checked_lake import CheckedLake
from lake.verify.findings import Finding
from lake.verify.runner import Task

YOUNG_SECONDS = 600  # a temporary file younger than this may be growing
COMMIT_SECONDS = 35  # from a file's name to its commit: longer than the catalog waits for a lock
POLL_SECONDS = 0.5
HIDDEN = (index_upkeep.FOLDER, layout.SUPERSEDED)  # folders at the root whose files the catalog lists too
ORPHAN = "verify_lake --fix moves it to .orphans while no writer runs; a writer clears away its own at its start"
MISMATCH = "see docs/operations.md, A catalog that is lost or not the lake's"
FOREIGN = "no writer of the lake uses such names: move it away"


class DiskChecks:
    """`writing`: whether a writer of the lake runs now, which may be about to list its files."""

    title = "folders"

    def __init__(self, lake: CheckedLake, writing: Callable[[], bool]) -> None:
        self._root, self._report, self._writing = lake.root, lake.report, writing

    def tasks(self) -> list[Task]:
        return [
            Task(layout.MARKER, "", self._marker),
            Task(layout.ORPHANS, "", self._note_orphans),
            Task("LAKE_ROOT", "", self._unlisted),
        ]

    def _marker(self) -> Iterator[Finding]:
        if reason := identity.mismatch(self._root):
            yield Finding(layout.MARKER, reason.removesuffix(f" {identity.HELP}").rstrip("."), MISMATCH)

    def _note_orphans(self) -> list[Finding]:
        count, bytes_ = orphans.held(self._root)
        if count:
            self._report.notes.append(orphans.advice(count, bytes_))
        return []

    def _unlisted(self) -> Iterator[Finding]:
        for path in self._settled(unlisted(self._root)):
            orphan = is_writers_path(path)
            problem = "is on the disk, but the catalog does not list it"
            yield Finding(path, problem, ORPHAN if orphan else FOREIGN, "orphan" if orphan else "")

    def _settled(self, paths: set[str]) -> list[str]:
        """Those that stay unlisted: a running writer gets time to list what it has just renamed, or to remove it."""
        deadline = time.monotonic() + COMMIT_SECONDS
        while True:
            paths = {path for path in paths - accounted_paths() if (self._root / path).exists()}
            young = any(_is_young(self._root / path) for path in paths)
            if not young or not self._writing() or time.monotonic() > deadline:
                return sorted(paths)
            time.sleep(POLL_SECONDS)


def unlisted(root: Path) -> set[str]:
    """Files that the catalog does not account for, without young temporary files and indexes, which may be growing.
    What is not Parquet in the dataset folders is ignored."""
    visible = {str(path) for path in disk.files_below(root)}
    hidden = {str(path.relative_to(root)) for name in HIDDEN for path in (root / name).glob("*") if path.is_file()}
    growing = (".tmp", ".index")
    return {
        path
        for path in (visible | hidden) - accounted_paths()
        if path.endswith((".parquet", ".parquet.tmp")) or path.startswith(HIDDEN)
        if not (path.endswith(growing) and _is_young(root / path))
    }


def accounted_paths() -> set[str]:
    """Where files and indexes of the catalog may be: their paths, and the places of superseded ones until the sweep."""
    paths: set[str] = set()
    for model in (DataFile, IndexFile):
        paths.update(model.objects.values_list("path", flat=True))
        superseded = model.superseded.values_list("path", flat=True)
        paths.update(map(layout.superseded_place, superseded))
    return paths


def is_writers_path(path: str) -> bool:
    """Whether a writer of the lake uses such a name at such a place, for finished or temporary files."""
    name = Path(path).name
    return path.startswith(HIDDEN) or ("/" in path and layout.is_writers_file(name))


def _is_young(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime < YOUNG_SECONDS
    except FileNotFoundError:
        return False
