"""Repairs what is safe to repair: moves unlisted files aside and rebuilds damaged indexes.

Only while it holds the locks of all writers: a writer that was suspended for an hour may still list its file.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from lake.catalog import commits, identity, listing, orphans
from lake.compact import index_upkeep, sweep
from lake.compact.index_upkeep import Indexer
from lake.models import IndexFile
from lake.storage import disk, layout
from lake.storage.duckdb_engine import Engine
from lake.verify.disk import accounted_paths, is_writers_path
from lake.verify.findings import Finding
from process.locks import take

WRITERS = ("flush_buffer", "compact_lake", "import_labels")


def repair(root: Path, engine: Engine, findings: Sequence[Finding]) -> Iterator[tuple[Finding, str]]:
    """Each finding that can be repaired, with the outcome; without one, and nothing is touched, while a writer runs.
    Raises LakeUnusable, and nothing is touched, when the lake belongs to another catalog."""
    unlisted = [finding for finding in findings if finding.repair == "orphan"]
    indexes = [finding for finding in findings if finding.repair == "index"]
    with ExitStack() as locks:
        if [name for name in WRITERS if not take(locks, name)]:
            yield from ((finding, "") for finding in [*unlisted, *indexes])
            return
        identity.require_match(root)
        orphans.require_few(root)
        for finding in unlisted:
            yield finding, _clear(root, finding.subject)
        if indexes:
            _rebuild(root, engine, [finding.subject for finding in indexes])
            yield from ((finding, "rebuilt") for finding in indexes)


def _clear(root: Path, path: str) -> str:
    if path in accounted_paths() or not is_writers_path(path) or not (root / path).is_file():
        return "is in order by now"
    if layout.is_temporary(Path(path).name) or path.startswith(index_upkeep.FOLDER):
        disk.remove_file(root, Path(path), "orphan: a temporary file, or an index, which can be rebuilt")
        return "removed"
    return f"moved to {orphans.set_aside(root, path)}"


def _rebuild(root: Path, engine: Engine, paths: Sequence[str]) -> None:
    """Supersedes the indexes among the paths, then builds all that are missing."""
    damaged = list(IndexFile.listed.filter(path__in=paths).values_list("path", flat=True))
    commits.supersede(damaged)
    sweep.move(root, damaged)
    Indexer(root, engine).update(listing.listed_posts(), datetime.now(UTC))
