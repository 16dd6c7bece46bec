"""Superseded files: moved out of the lake's folders at once, deleted after the grace.

The catalog says which they are, so that the next start finishes what a kill has cut short.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import structlog

from lake.catalog import orphans
from lake.models import DataFile, IndexFile
from lake.storage import disk, layout
from process.crash_points import crash_point

log = structlog.get_logger("sweep")

PATHS_AT_ONCE = 1000
_MODELS = (DataFile, IndexFile)


def move(root: Path, paths: Sequence[str]) -> None:
    """Moves superseded files out of the folders that readers list. One that is missing is no fault."""
    with disk.disk_errors(root):
        (root / layout.SUPERSEDED).mkdir(exist_ok=True)
        for path in paths:
            with suppress(FileNotFoundError):
                (root / path).rename(root / layout.superseded_place(path))


def finish(root: Path) -> None:
    """At the start: moves superseded files that are still in their old places. A file among those moved that the
    catalog does not know becomes an orphan."""
    known = set()
    for path in _superseded():
        known.add(layout.superseded_place(path))
        if (root / path).exists():
            move(root, [path])
    folder = root / layout.SUPERSEDED
    for file in folder.iterdir() if folder.is_dir() else ():
        if f"{layout.SUPERSEDED}/{file.name}" not in known:
            _set_aside(root, f"{layout.SUPERSEDED}/{file.name}")


def _set_aside(root: Path, path: str) -> None:
    if path.endswith(layout.INDEX):
        disk.remove_file(root, Path(path), "orphan: an index that the catalog does not list")
    else:
        orphans.set_aside(root, path)


def due(before: datetime) -> list[str]:
    """Paths of the files that were superseded by that time."""
    return list(_superseded(superseded_at__lte=before))


def sweep(root: Path, before: datetime) -> int:
    """Deletes the files that are due, then their rows in the catalog. Returns the number of files."""
    paths = due(before)
    for start in range(0, len(paths), PATHS_AT_ONCE):
        part = paths[start : start + PATHS_AT_ONCE]
        with disk.disk_errors(root):
            for path in part:
                (root / path).unlink(missing_ok=True)  # there only if moving it was cut short
                (root / layout.superseded_place(path)).unlink(missing_ok=True)
            _sync_folders(root, part)
        crash_point("compact:swept")
        for model in _MODELS:
            model.superseded.filter(path__in=part).delete()
    if paths:
        log.info("swept", files=len(paths))
    return len(paths)


def _sync_folders(root: Path, paths: Sequence[str]) -> None:
    """Makes it durable that these files are in neither place. Without that, a power loss brings them back when the
    catalog does not know them any more, and they look like the files of another catalog."""
    folders = {root / layout.SUPERSEDED, *((root / path).parent for path in paths)}
    # One that was removed with its last file is durably gone when the folder above is synced.
    there = {next(place for place in (folder, *folder.parents) if place.is_dir()) for folder in folders}
    for folder in sorted(there):
        disk.sync_folder(folder)


def _superseded(**condition: datetime) -> Iterator[str]:
    for model in _MODELS:
        yield from model.superseded.filter(**condition).values_list("path", flat=True)
