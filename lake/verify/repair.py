"""Repairs what can be repaired without a risk: removes files that nothing lists, and makes damaged indexes anew.

It does so only while it holds the locks of the writers: a writer that was stopped for an hour may still list its file.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from lake.catalog import commits, listing
from lake.compact import sweep
from lake.compact.index_upkeep import Indexer
from lake.models import IndexFile
from lake.storage import disk
from lake.storage.duckdb_engine import Engine
from lake.verify.disk import is_ours, known_paths
from lake.verify.runner import Finding
from process.locks import Locked, exclusive, lock_path

WRITERS = ("flush_buffer", "compact_lake")


def repair(root: Path, engine: Engine, findings: Sequence[Finding]) -> Iterator[tuple[Finding, str]]:
    """What was done about each finding that it can repair; nothing at all while a writer runs."""
    orphans = [finding for finding in findings if finding.repair == "orphan"]
    indexes = [finding for finding in findings if finding.repair == "index"]
    with ExitStack() as locks:
        if [name for name in WRITERS if not _locked(locks, name)]:
            yield from ((finding, "") for finding in [*orphans, *indexes])
            return
        for finding in orphans:
            yield finding, _remove(root, finding.path)
        if indexes:
            _make_anew(root, engine, [finding.path for finding in indexes])
            yield from ((finding, "made anew") for finding in indexes)


def _locked(locks: ExitStack, name: str) -> bool:
    try:
        locks.enter_context(exclusive(lock_path(name)))
    except Locked:
        return False
    return True


def _remove(root: Path, path: str) -> str:
    if path in known_paths() or not is_ours(path) or not (root / path).is_file():
        return "is in order by now"
    disk.remove_file(root, Path(path), "orphan: the catalog does not list it")
    return "removed"


def _make_anew(root: Path, engine: Engine, paths: Sequence[str]) -> None:
    """Those of the paths that are indexes are taken away; then each index is made that should be there and is not."""
    damaged = list(IndexFile.objects.filter(path__in=paths, superseded_at=None).values_list("path", flat=True))
    commits.supersede(damaged)
    sweep.move(root, damaged)
    posts = [file for file in listing.listed_files() if file.dataset == "posts"]
    Indexer(root, engine).follow(posts, datetime.now(UTC))
