"""What happens to files that others have replaced: out of the lake's folders at once, off the disk after the grace.

The catalog says which these are, so that whatever a kill has cut short is finished at the next start.
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
    """Takes superseded files out of the folders that readers list. One that has gone already is no fault."""
    with disk.disk_errors(root):
        (root / layout.SUPERSEDED).mkdir(exist_ok=True)
        for path in paths:
            with suppress(FileNotFoundError):
                (root / path).rename(root / layout.superseded_place(path))


def finish(root: Path) -> None:
    """At the start: what was superseded is moved to its place. What lies there and is unknown to the catalog is no
    longer ours to delete: it becomes an orphan."""
    known = set()
    for path in _superseded():
        known.add(layout.superseded_place(path))
        if (root / path).exists():
            move(root, [path])
    folder = root / layout.SUPERSEDED
    for file in folder.iterdir() if folder.is_dir() else ():
        if f"{layout.SUPERSEDED}/{file.name}" not in known:
            _forget(root, f"{layout.SUPERSEDED}/{file.name}")


def _forget(root: Path, path: str) -> None:
    if path.endswith(layout.INDEX):
        disk.remove_file(root, Path(path), "orphan: an index that the catalog does not list")
    else:
        orphans.set_aside(root, path)


def due(before: datetime) -> list[str]:
    """Paths of what was superseded before that time."""
    return list(_superseded(superseded_at__lte=before))


def sweep(root: Path, before: datetime) -> int:
    """Deletes them, then their rows in the catalog; how many files."""
    paths = due(before)
    for start in range(0, len(paths), PATHS_AT_ONCE):
        part = paths[start : start + PATHS_AT_ONCE]
        with disk.disk_errors(root):
            for path in part:
                (root / path).unlink(missing_ok=True)  # there only if moving it was cut short
                (root / layout.superseded_place(path)).unlink(missing_ok=True)
        crash_point("compact:swept")
        for model in _MODELS:
            model.superseded.filter(path__in=part).delete()
    if paths:
        log.info("swept", files=len(paths))
    return len(paths)


def _superseded(**condition: datetime) -> Iterator[str]:
    for model in _MODELS:
        yield from model.superseded.filter(**condition).values_list("path", flat=True)
