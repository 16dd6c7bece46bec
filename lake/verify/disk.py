"""What is on the disk and not in the catalog, and whether the lake is the catalog's at all."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lake.catalog import identity, orphans
from lake.compact import index_upkeep
from lake.models import DataFile, IndexFile
from lake.storage import disk, layout
from lake.verify.runner import Finding, Report, Stage, Task

YOUNG_SECONDS = 600  # a temporary file of this age may still be growing
COMMIT_SECONDS = 35  # between a file's name and its commit: longer than the catalog waits for a lock
LOOK_SECONDS = 0.5
HIDDEN = (index_upkeep.FOLDER, layout.SUPERSEDED)  # folders at the root whose files the catalog knows as well
ORPHAN = "verify_lake --fix moves it to .orphans while no writer runs, a writer what is its own at its start"
MISMATCH = "see docs/operations.md, A catalog that is lost or not the lake's"
FOREIGN = "no writer of ours makes such names: move it away"


class DiskChecks:
    """`writing`: whether a process that writes the lake runs now, so that files may be about to be listed."""

    def __init__(self, root: Path, report: Report, writing: Callable[[], bool]) -> None:
        self._root, self._report, self._writing = root, report, writing

    def stage(self) -> Stage:
        return Stage("folders", self._tasks)

    def _tasks(self) -> list[Task]:
        count, bytes_ = orphans.held(self._root)
        if count:
            self._report.notes.append(orphans.told(count, bytes_))
        return [Task(layout.MARKER, "", self._marker), Task("LAKE_ROOT", "", self._check)]

    def _marker(self) -> Iterator[Finding]:
        if said := identity.mismatch(self._root):
            yield Finding(layout.MARKER, said.removesuffix(f" {identity.HELP}").rstrip("."), MISMATCH)

    def _check(self) -> Iterator[Finding]:
        for path in self._settled(unlisted(self._root)):
            ours = is_ours(path)
            what = "is on the disk, but the catalog does not list it"
            yield Finding(path, what, ORPHAN if ours else FOREIGN, "orphan" if ours else "")

    def _settled(self, paths: set[str]) -> list[str]:
        """Those that stay unlisted: a running writer gets time to list what it has just renamed, or to remove it."""
        deadline = time.monotonic() + COMMIT_SECONDS
        while True:
            paths = {path for path in paths - known_paths() if (self._root / path).exists()}
            young = any(_young(self._root / path) for path in paths)
            if not young or not self._writing() or time.monotonic() > deadline:
                return sorted(paths)
            time.sleep(LOOK_SECONDS)


def unlisted(root: Path) -> set[str]:
    """Files that the catalog does not know, without those that may be growing still: temporary ones and indexes. What
    is no Parquet in the folders of the lake is not the lake's."""
    visible = {str(path) for path in disk.files_below(root)}
    hidden = {str(path.relative_to(root)) for name in HIDDEN for path in (root / name).glob("*") if path.is_file()}
    growing = (".tmp", ".index")
    return {
        path
        for path in (visible | hidden) - known_paths()
        if path.endswith((".parquet", ".parquet.tmp")) or path.startswith(HIDDEN)
        if not (path.endswith(growing) and _young(root / path))
    }


def known_paths() -> set[str]:
    """All paths that the catalog knows, and where those wait that are superseded."""
    paths: set[str] = set()
    for model in (DataFile, IndexFile):
        paths.update(model.objects.values_list("path", flat=True))
        superseded = model.objects.exclude(superseded_at=None).values_list("path", flat=True)
        paths.update(map(layout.superseded_place, superseded))
    return paths


def is_ours(path: str) -> bool:
    """Whether a writer of ours makes such a name at such a place."""
    name = Path(path).name
    if path.startswith(HIDDEN):
        return True
    return "/" in path and (layout.is_flush_file(name) or layout.is_compacted_file(name))


def _young(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime < YOUNG_SECONDS
    except FileNotFoundError:
        return False
