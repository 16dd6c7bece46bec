"""Keeps the text indexes beside the posts: one an hour, one a day once the day is whole, some of an hour not over yet.

An index only narrows, and knows its files by their paths: while it lags behind, searches read the files that it does
not know as a whole. So indexes are updated day by day after the swaps, never within one.
"""

import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import structlog

from lake.catalog import commits
from lake.catalog.listing import ListedFile
from lake.compact import sweep
from lake.compact.index_plan import PlannedIndex, plan_flushed, plan_indexes
from lake.compact.indexed_posts import read_posts
from lake.models import IndexFile
from lake.storage import disk
from lake.storage.duckdb_engine import Engine
from lake.storage.layout import HOUR
from lake.textindex import builder
from lake.textindex.postings import DocIds
from lake.textindex.segment import VERSION, IndexDamaged, SegmentInfo
from process import heartbeats
from process.instants import now_us

log = structlog.get_logger("indexing")

FOLDER = ".index"
VERSION_MARK = f"-v{VERSION}~"  # in the name: an index of another version is built again


class Replacement(NamedTuple):
    """A file with the rows of another one in the same order. `deleted`, `superseded`: row numbers by their state."""

    path: str
    deleted: Sequence[int]
    superseded: Sequence[int]


Replacements = Mapping[str, Replacement]  # by the path of the file replaced


class Indexer:
    def __init__(self, root: Path, engine: Engine) -> None:
        self._root = root
        self._engine = engine

    def update(
        self,
        posts: Sequence[ListedFile],
        now: datetime,
        day: date | None = None,
        replaced: Replacements | None = None,
    ) -> int:
        """Makes the missing indexes of that day, or of all, then supersedes those that are not planned. Returns how
        many it made. `replaced` only saves time: the index of a replaced file is purged, not built again."""
        listed = [row for row in IndexFile.listed.all() if day in (None, row.start.date())]
        current = [row for row in listed if VERSION_MARK in row.path]
        planned = {
            plan.paths: plan for plan in plan_indexes((file for file in posts if day in (None, file.hour.date())), now)
        }
        missing = planned.keys() - {tuple(row.files) for row in current}
        for paths in sorted(missing, reverse=True):  # the newest first: they are searched most
            self._make(planned[paths], current, replaced or {})
        obsolete = [row.path for row in listed if VERSION_MARK not in row.path or tuple(row.files) not in planned]
        commits.supersede(obsolete)
        sweep.move(self._root, obsolete)
        return len(missing)

    def index_flushed(self, files: Iterable[ListedFile]) -> None:
        """Makes the missing indexes of flushed posts: a busy hour has a million of them before it is over, and without
        an index each count would read them all. update() supersedes them."""
        indexed = {tuple(row.files) for row in IndexFile.listed.all()}
        for plan in plan_flushed(file for file in files if file.dataset == "posts"):
            if plan.paths not in indexed:
                self._make(plan, (), {})

    def _make(self, plan: PlannedIndex, current: Sequence[IndexFile], replaced: Replacements) -> None:
        folder = self._root / FOLDER
        name = _free_name(folder, plan)
        heartbeats.work(f"indexes {name}")
        with disk.disk_errors(self._root):
            disk.make_folder(self._root, FOLDER)
            info = self._write(plan, current, replaced, folder / name)
            disk.sync_folder(folder)
        path = f"{FOLDER}/{name}"
        IndexFile.objects.create(path=path, start=plan.start, end=plan.end, files=plan.paths, **info._asdict())
        log.info("indexed", index=path, files=len(plan.files), rows=info.rows, bytes=info.bytes)

    def _write(
        self, plan: PlannedIndex, current: Sequence[IndexFile], replaced: Replacements, target: Path
    ) -> SegmentInfo:
        """From an index of the same rows, else from the indexes of its parts, else from the files."""
        same = [row for row in current if _renamed(row.files, replaced) == plan.paths]
        parts = {row.files[0]: row.path for row in current if len(row.files) == 1}
        try:
            if same:
                deleted, superseded = _doc_ids(same[0].files, plan, replaced)
                return builder.purge(self._root / same[0].path, deleted, target, superseded)
            if set(plan.paths) <= parts.keys():
                return builder.merge([(self._root / parts[path], rows) for path, rows in plan.files], target)
        except (IndexDamaged, ValueError) as error:
            log.warning("an index can't be used: it is built again", error=str(error))
        return self._build(plan, target)

    def _build(self, plan: PlannedIndex, target: Path) -> SegmentInfo:
        """File by file, which bounds memory."""
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            parts = [(Path(folder) / str(number), rows) for number, (_, rows) in enumerate(plan.files)]
            for (part, _), path in zip(parts, plan.paths, strict=True):
                builder.build(read_posts(self._engine, self._root / path), part)
            return builder.merge(parts, target)


def _free_name(folder: Path, plan: PlannedIndex) -> str:
    """Whatever the clock says, none that another index has."""
    ms = now_us() // 1000
    hours = (plan.end - plan.start) // HOUR
    while (folder / (name := f"{plan.start:%Y-%m-%d-%H}-{hours}h{VERSION_MARK}{ms}.index")).exists():
        ms += 1
    return name


def _renamed(paths: Sequence[str], replaced: Replacements) -> tuple[str, ...]:
    return tuple(replaced[path].path if path in replaced else path for path in paths)


def _doc_ids(paths: Sequence[str], plan: PlannedIndex, replaced: Replacements) -> tuple[DocIds, DocIds]:
    """Of the rows that the replacements of these files mark as deleted, and as superseded."""
    deleted: list[int] = []
    superseded: list[int] = []
    first = 0
    for path, (_, rows) in zip(paths, plan.files, strict=True):
        if path in replaced:
            deleted += [first + number for number in replaced[path].deleted]
            superseded += [first + number for number in replaced[path].superseded]
        first += rows
    return np.array(deleted, np.uint32), np.array(superseded, np.uint32)


def remove_orphans(root: Path) -> None:
    """Removes what a killed compactor left: indexes, finished or not, that the catalog does not know. They hold nothing
    that is not in the files, and are built again."""
    known = set(IndexFile.objects.values_list("path", flat=True))
    folder = root / FOLDER
    for path in list(folder.iterdir()) if folder.is_dir() else []:
        if path.is_dir():
            shutil.rmtree(path)
        elif f"{FOLDER}/{path.name}" not in known:
            disk.remove_file(root, path.relative_to(root), "orphan: the catalog does not list it")
