"""Each text index: its bytes, its files, its rows, and that rows taken at random are found through it by words of their
own, deleted ones not at all.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from lake.catalog import listing
from lake.models import DataFile, IndexFile
from lake.query.index_terms import index_terms
from lake.query.tree import Filter, Node, Term
from lake.storage import disk
from lake.storage.duckdb_engine import Engine
from lake.textindex.lookup import TextIndex
from lake.textindex.segment import IndexDamaged
from lake.verify.runner import Finding, Report, Stage, Task, written_at

SAMPLE = 50  # rows of an index, and as many deleted ones
WORD = 12  # characters of a text that are asked for
REBUILD = "compact_lake makes it anew, or verify_lake --fix while no writer runs", "index"  # advice and repair
# Indexes follow the files, day by day: for so long one may not know a file yet. A daily pass that has much to do takes
# hours.
LAG = timedelta(hours=6)

_ROWS = """
    SELECT file_row_number, did, text, state IS NOT DISTINCT FROM 'deleted'
    FROM read_parquet([$path], hive_partitioning = false, file_row_number = true)
    WHERE {which} LIMIT {sample}
"""


class TextIndexChecks:
    def __init__(self, root: Path, engine: Engine, report: Report) -> None:
        self._root, self._engine, self._report = root, engine, report

    def stage(self) -> Stage:
        return Stage("indexes", self._tasks)

    def _tasks(self) -> list[Task]:
        listed = IndexFile.objects.filter(superseded_at=None).values_list("pk", "path", "sha256")
        tasks = [Task(path, f"index {pk} {sha256}", partial(self._check, pk)) for pk, path, sha256 in listed]
        return [*tasks, Task("posts", "", self._without)]

    def _without(self) -> Iterator[Finding]:
        """Compacted files of posts that no index covers."""
        listed = IndexFile.objects.filter(superseded_at=None).values_list("files", flat=True)
        covered = {path for paths in listed for path in paths}
        for file in listing.files_of("posts").filter(batch=None).order_by("path"):
            if file.path not in covered and not _young(file):
                yield Finding(file.path, "is in no index, so that searches read all of it", *REBUILD)

    def _check(self, pk: int) -> Iterator[Finding]:
        index = IndexFile.objects.filter(pk=pk, superseded_at=None).first()
        if index is None:
            return
        path = self._root / index.path
        listed = dict(listing.files_of("posts").filter(path__in=index.files).values_list("path", "rows"))
        if gone := [name for name in index.files if name not in listed]:
            files_now = listing.files_of("posts").filter(batch=None, hour__gte=index.start, hour__lt=index.end)
            if not any(map(_young, files_now)):
                yield Finding(index.path, f"covers {gone[0]}, which is none of the lake's", *REBUILD)
        elif not path.is_file():
            yield Finding(index.path, "is missing", *REBUILD)
        elif path.stat().st_size != index.bytes or disk.sha256(path) != index.sha256:
            yield Finding(index.path, "is damaged: its size or sha256 is not what the catalog says", *REBUILD)
        elif not self._report.unsound & set(index.files):
            try:
                yield from self._compare(index, [(name, listed[name]) for name in index.files])
            except IndexDamaged as error:
                yield Finding(index.path, f"is damaged ({error})", *REBUILD)

    def _compare(self, index: IndexFile, covered: Sequence[tuple[str, int]]) -> Iterator[Finding]:
        with closing(TextIndex.open(self._root / index.path)) as opened:
            expected = sum(rows for _, rows in covered)
            if {index.rows, opened.rows} != {expected}:
                what = f"is of {opened.rows} rows, the catalog says {index.rows}, its files hold {expected}"
                yield Finding(index.path, what, *REBUILD)
                return
            first = 0
            for name, rows in covered:
                for number, did, text, deleted in self._sample(name, rows, -(-SAMPLE // len(covered))):
                    yield from _wrong(index.path, opened, first + number, f"{name} row {number}", did, text, deleted)
                first += rows

    def _sample(self, name: str, rows: int, sample: int) -> Iterator[tuple[Any, ...]]:
        """Rows from anywhere in the file, and deleted ones."""
        numbers = ", ".join(map(str, sorted(random.sample(range(rows), min(rows, sample)))))
        for which in (f"file_row_number IN ({numbers}) AND state IS DISTINCT FROM 'deleted'", "state = 'deleted'"):
            sql = _ROWS.format(which=which, sample=sample)
            yield from self._engine.rows(sql, {"path": str(self._root / name)})


def _young(file: DataFile) -> bool:
    """Whether its index may still be to come."""
    return written_at(file) > datetime.now(UTC) - LAG


def _wrong(
    path: str, index: TextIndex, ordinal: int, row: str, did: str, text: str | None, deleted: bool
) -> Iterator[Finding]:
    author: Node = Filter("author", (did,))
    if deleted:
        if _holds(index, author, ordinal):
            yield Finding(path, f"finds {row}, which is deleted", *REBUILD)
    elif _holds(index, author, ordinal) is False:
        yield Finding(path, f"does not find {row} by its author", *REBUILD)
    elif (word := _word(text)) and _holds(index, Term((word,)), ordinal) is False:
        yield Finding(path, f"does not find {row} by its text", *REBUILD)


def _holds(index: TextIndex, node: Node, ordinal: int) -> bool | None:
    """None: the index can't narrow that."""
    found = index.candidates(index_terms(node))
    return None if found is None else bool((found == ordinal).any())


def _word(text: str | None) -> str:
    """Some neighbouring characters of the text, without NUL, which no query can hold."""
    pieces = (text or "").split("\0")
    piece = random.choice(pieces)  # noqa: S311 - a sample, no secret
    start = random.randint(0, max(0, len(piece) - WORD))  # noqa: S311
    return piece[start : start + WORD]
