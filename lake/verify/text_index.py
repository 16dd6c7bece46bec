"""Text indexes: their bytes, files and rows; random rows are found by part of their text, and stored as they are;
deleted ones are not."""

import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np

from lake.catalog import listing
from lake.models import DataFile, IndexFile
from lake.query.index_terms import index_terms
from lake.query.tree import Filter, Node, Term
from lake.storage import disk, parquet_writer, stored_rows
from lake.textindex.lookup import TextIndex
from lake.textindex.segment import IndexDamaged
from lake.verify.checked_lake import CheckedLake, age, random_slice
from lake.verify.findings import Finding
from lake.verify.runner import Task

SAMPLE = 50  # rows of an index, and as many deleted ones
TERM_CHARACTERS = 12
LAG = timedelta(hours=6)  # indexes follow the files day by day, and a daily pass with much to do takes hours

_ROWS = """
    SELECT file_row_number, did, text, state IS NOT DISTINCT FROM 'deleted',
        epoch_us(seen), coalesce(epoch_us(created_at), $no_time), {stored}, {columns}
    FROM numbered_lake_rows([$path])
    WHERE {condition} LIMIT {limit}
"""


class TextIndexChecks:
    title = "indexes"

    def __init__(self, lake: CheckedLake) -> None:
        self._lake = lake

    def tasks(self) -> list[Task]:
        listed = IndexFile.listed.values_list("pk", "path", "sha256")
        tasks = [Task(path, f"index {pk} {sha256}", partial(self._check, pk)) for pk, path, sha256 in listed]
        return [*tasks, Task("posts", "", _not_covered)]

    def _check(self, pk: int) -> Iterator[Finding]:
        index = IndexFile.listed.filter(pk=pk).first()
        if index is None:
            return
        path = self._lake.root / index.path
        rows = dict(listing.files_of("posts").filter(path__in=index.files).values_list("path", "rows"))
        if missing := [name for name in index.files if name not in rows]:
            in_range = listing.files_of("posts").filter(batch=None, hour__gte=index.start, hour__lt=index.end)
            if not any(map(_may_lag, in_range)):
                yield _finding(index.path, f"covers {missing[0]}, which the catalog does not list")
        elif not path.is_file():
            yield _finding(index.path, "is missing")
        elif path.stat().st_size != index.bytes or disk.sha256(path) != index.sha256:
            yield _finding(index.path, "is damaged: its size or sha256 is not what the catalog says")
        elif not self._lake.report.damaged & set(index.files):
            try:
                yield from self._compare(index, [(name, rows[name]) for name in index.files])
            except IndexDamaged as error:
                yield _finding(index.path, f"is damaged ({error})")

    def _compare(self, index: IndexFile, files: Sequence[tuple[str, int]]) -> Iterator[Finding]:
        """`files`: path and rows of each, in the order of the doc ids."""
        with closing(TextIndex(self._lake.root / index.path)) as opened:
            held = sum(rows for _, rows in files)
            if {index.rows, opened.rows} != {held}:
                problem = f"covers {opened.rows} rows, the catalog says {index.rows}, its files hold {held}"
                yield _finding(index.path, problem)
                return
            first = 0
            for name, rows in files:
                for number, did, text, deleted, *stored in self._sample(name, rows, -(-SAMPLE // len(files))):
                    problem = _problem(opened, first + number, did, text, deleted)
                    if problem := problem or _misstored(opened, first + number, deleted, stored):
                        yield _finding(index.path, problem.format(row=f"{name} row {number}"))
                first += rows

    def _sample(self, name: str, rows: int, size: int) -> Iterator[tuple[Any, ...]]:
        """Rows from anywhere in the file, then deleted ones."""
        numbers = ", ".join(map(str, sorted(random.sample(range(rows), min(rows, size)))))
        late = parquet_writer.late_rows(self._lake.root / name) > 0
        for condition in (f"file_row_number IN ({numbers}) AND state IS DISTINCT FROM 'deleted'", "state = 'deleted'"):
            stored, columns = stored_rows.is_stored(late), ", ".join(stored_rows.COLUMNS)
            sql = _ROWS.format(condition=condition, limit=size, stored=stored, columns=columns)
            values = {"path": str(self._lake.root / name), "no_time": stored_rows.NO_TIME}
            yield from self._lake.engine.rows(sql, values)


def _not_covered() -> Iterator[Finding]:
    listed = IndexFile.listed.values_list("files", flat=True)
    covered = {path for paths in listed for path in paths}
    for file in listing.files_of("posts").filter(batch=None).order_by("path"):
        if file.path not in covered and not _may_lag(file):
            yield _finding(file.path, "is in no index, so that searches read all of it")


def _finding(path: str, problem: str) -> Finding:
    return Finding(path, problem, "compact_lake rebuilds it, or verify_lake --fix while no writer runs", "index")


def _may_lag(file: DataFile) -> bool:
    """Whether its index may not be built yet."""
    return age(file) < LAG


def _problem(index: TextIndex, doc_id: int, did: str, text: str | None, deleted: bool) -> str:
    """A template with {row}; empty if there is none."""
    by_author = _finds(index, Filter("author", (did,)), doc_id)
    if deleted:
        return "finds {row}, which is deleted" if by_author else ""
    if by_author is False:
        return "does not find {row} by its author"
    if (term := random_term(text)) and _finds(index, Term((term,)), doc_id) is False:
        return "does not find {row} by its text"
    return ""


def _misstored(index: TextIndex, doc_id: int, deleted: bool, wanted: Sequence[Any]) -> str:
    """A template with {row}; empty if row and times are stored as they should be. A deleted row whose file keeps its
    text, as purging is off, may have lost its created time in the index."""
    rows, seen, created = index.stored(np.array([doc_id], np.uint32))
    own_seen, own_created, stateless, *values = wanted
    row = stored_rows.encode(values) if stateless else b""
    times = {own_created, stored_rows.NO_TIME} if deleted else {own_created}
    same = (rows[0], seen[0]) == (row, own_seen) and created[0] in times
    return "" if same else "stores {row} as another one"


def _finds(index: TextIndex, node: Node, doc_id: int) -> bool | None:
    """None: the index can't narrow this query."""
    candidates = index.candidates(index_terms(node))
    return None if candidates is None else bool((candidates == doc_id).any())


def random_term(text: str | None) -> str:
    """Up to TERM_CHARACTERS neighbouring characters, without NUL, which no query contains."""
    piece = random.choice((text or "").split("\0"))  # noqa: S311 - a sample, no secret
    return piece[random_slice(len(piece), TERM_CHARACTERS)]
