"""Repairs what can be repaired without a risk: moves files that nothing lists aside, and makes damaged indexes anew.

It does so only while it holds the locks of the writers: a writer that was stopped for an hour may still list its file.
"""

import fcntl
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
from lake.verify.disk import is_ours, known_paths
from lake.verify.runner import Finding
from process.locks import lock_path

WRITERS = ("flush_buffer", "compact_lake")


def repair(root: Path, engine: Engine, findings: Sequence[Finding]) -> Iterator[tuple[Finding, str]]:
    """What was done about each finding that it can repair; nothing at all while a writer runs. Raises LakeUnusable, and
    nothing is touched, when the lake is not the catalog's."""
    unlisted = [finding for finding in findings if finding.repair == "orphan"]
    indexes = [finding for finding in findings if finding.repair == "index"]
    with ExitStack() as locks:
        if [name for name in WRITERS if not locked(locks, name)]:
            yield from ((finding, "") for finding in [*unlisted, *indexes])
            return
        identity.require_match(root)
        orphans.require_few(root)
        for finding in unlisted:
            yield finding, _clear(root, finding.path)
        if indexes:
            _make_anew(root, engine, [finding.path for finding in indexes])
            yield from ((finding, "made anew") for finding in indexes)


def locked(locks: ExitStack, name: str) -> bool:
    file = locks.enter_context(lock_path(name).open("w"))
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _clear(root: Path, path: str) -> str:
    if path in known_paths() or not is_ours(path) or not (root / path).is_file():
        return "is in order by now"
    if layout.is_temporary(Path(path).name) or path.startswith(index_upkeep.FOLDER):
        disk.remove_file(root, Path(path), "orphan: it never got its name, or is an index, which is made anew")
        return "removed"
    return f"moved to {orphans.set_aside(root, path)}"


def _make_anew(root: Path, engine: Engine, paths: Sequence[str]) -> None:
    """Those of the paths that are indexes are taken away; then each index is made that should be there and is not."""
    damaged = list(IndexFile.objects.filter(path__in=paths, superseded_at=None).values_list("path", flat=True))
    commits.supersede(damaged)
    sweep.move(root, damaged)
    posts = [file for file in listing.listed_files() if file.dataset == "posts"]
    Indexer(root, engine).follow(posts, datetime.now(UTC))
