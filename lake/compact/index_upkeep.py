"""Keeps the text indexes beside the compacted posts: one an hour, one a day once the day is whole.

An index only narrows, and knows its files by their paths: while one lags behind, the files that it does not know are
read whole. So indexes follow the files, day by day, and are never in the way of a swap.
"""

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import structlog

from lake.catalog import commits
from lake.catalog.listing import ListedFile
from lake.compact import sweep
from lake.compact.post_texts import read_texts
from lake.models import IndexFile
from lake.storage import disk
from lake.storage.duckdb_engine import Engine
from lake.storage.layout import HOUR
from lake.textindex import builder
from lake.textindex.postings import DocIds
from lake.textindex.segment import VERSION, IndexDamaged, SegmentInfo
from process.instants import now_us

log = structlog.get_logger("indexing")

FOLDER = ".index"
VERSION_MARK = f"-v{VERSION}~"  # in the name: an index of another version is made anew
DAY_OVER = timedelta(hours=6)  # after its end: late hours are compacted by then


class PlannedIndex(NamedTuple):
    """An index that should be there. `files`: path and rows of each, in the order of its row numbers."""

    start: datetime
    end: datetime
    files: tuple[tuple[str, int], ...]

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.files]


class ReplacedFile(NamedTuple):
    """A file that holds the rows of another one in the same order. `deleted`: row numbers."""

    path: str
    deleted: Sequence[int]


def plan_indexes(posts: Iterable[ListedFile], now: datetime) -> list[PlannedIndex]:
    """One index of each day that is over and wholly compacted, else one of each compacted file. Pure."""
    days: defaultdict[date, list[ListedFile]] = defaultdict(list)
    for file in sorted(posts, key=lambda file: (file.hour, file.path)):
        days[file.hour.date()].append(file)
    found = []
    for own in days.values():
        midnight = own[0].hour.replace(hour=0)
        whole = midnight + 24 * HOUR + DAY_OVER <= now and all(file.compacted for file in own)
        groups = [own] if whole else [[file] for file in own if file.compacted]
        for group in groups:
            covered = tuple((file.path, file.rows) for file in group)
            found.append(PlannedIndex(group[0].hour, group[-1].hour + HOUR, covered))
    return found


class Indexer:
    """`replaced`: by path, what took the place of a file with the same rows since its day was followed last. Without
    it an index is built anew, which takes longer and is as right."""

    def __init__(self, root: Path, engine: Engine) -> None:
        self._root = root
        self._engine = engine
        self.replaced: dict[str, ReplacedFile] = {}

    def follow(self, posts: Sequence[ListedFile], now: datetime, day: date | None = None) -> int:
        """Makes what is wanted for the files of that day, or of all, then takes away what is not; how many it made."""
        listed = [row for row in IndexFile.listed.all() if day in (None, row.start.date())]
        left, made = {tuple(row.files): row for row in listed if _current(row.path)}, 0
        for want in plan_indexes((file for file in posts if day in (None, file.hour.date())), now):
            if left.pop(tuple(want.paths), None) is None:
                self._make(want, listed)
                made += 1
        self.replaced.clear()
        gone = [row.path for row in listed if not _current(row.path) or tuple(row.files) in left]
        commits.supersede(gone)
        sweep.move(self._root, gone)
        return made

    def _make(self, want: PlannedIndex, listed: Sequence[IndexFile]) -> None:
        hours = (want.end - want.start) // HOUR
        name = f"{want.start:%Y-%m-%d-%H}-{hours}h{VERSION_MARK}{now_us() // 1000}.index"
        folder = self._root / FOLDER
        with disk.disk_errors(self._root):
            folder.mkdir(exist_ok=True)
            built = self._made(want, [row for row in listed if _current(row.path)], folder / name)
            disk.sync_folder(folder)
        path = f"{FOLDER}/{name}"
        IndexFile.objects.create(path=path, start=want.start, end=want.end, files=want.paths, **built._asdict())
        log.info("indexed", index=path, files=len(want.files), rows=built.rows, bytes=built.bytes)

    def _made(self, want: PlannedIndex, listed: Sequence[IndexFile], target: Path) -> SegmentInfo:
        """From an index of the same rows, or of the indexes of its parts, or, when there are none, from the files."""
        same = [row for row in listed if [self._now(path) for path in row.files] == want.paths]
        parts = {row.files[0]: row.path for row in listed if len(row.files) == 1}
        try:
            if same:
                return builder.purge(self._root / same[0].path, self._dead(same[0].files, want), target)
            if set(want.paths) <= parts.keys():
                return builder.merge([(self._root / parts[path], rows) for path, rows in want.files], target)
        except (IndexDamaged, ValueError) as error:
            log.warning("an index can't be used: it is built anew", error=str(error))
        return self._built(want, target)

    def _now(self, path: str) -> str:
        return self.replaced[path].path if path in self.replaced else path

    def _dead(self, paths: Sequence[str], want: PlannedIndex) -> DocIds:
        """Row numbers, over all files, of what was deleted by replacing them."""
        found, first = [], 0
        for path, (_, rows) in zip(paths, want.files, strict=True):
            if path in self.replaced:
                found += [first + number for number in self.replaced[path].deleted]
            first += rows
        return np.array(found, np.uint32)

    def _built(self, want: PlannedIndex, target: Path) -> SegmentInfo:
        """File by file, for memory's sake."""
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            parts = [(Path(folder) / str(number), rows) for number, (_, rows) in enumerate(want.files)]
            for (part, _), path in zip(parts, want.paths, strict=True):
                builder.build(read_texts(self._engine, self._root / path), part)
            return builder.merge(parts, target)


def remove_orphans(root: Path) -> None:
    """Removes what a killed compactor left: indexes, finished or not, that the catalog does not know. They hold nothing
    that is not in the files, and are made anew."""
    known = set(IndexFile.objects.values_list("path", flat=True))
    folder = root / FOLDER
    for path in list(folder.iterdir()) if folder.is_dir() else []:
        if path.is_dir():
            shutil.rmtree(path)
        elif f"{FOLDER}/{path.name}" not in known:
            disk.remove_file(root, path.relative_to(root), "orphan: the catalog does not list it")


def _current(path: str) -> bool:
    """Whether it is of the version that this software reads."""
    return VERSION_MARK in path
