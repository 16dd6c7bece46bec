"""The catalog's own file, and the indexes that it lists: whether they are there, whole by their size."""

from collections.abc import Iterator
from functools import partial

from django.db import DatabaseError, connection

from lake.models import IndexFile
from lake.verify.checked_lake import CheckedLake
from lake.verify.findings import Finding
from lake.verify.runner import Task

MOST_PROBLEMS = 20
DAMAGED = "restore the catalog and the lake from a backup, or rebuild the catalog: docs/operations.md"
REBUILT = "compact_lake rebuilds it, or verify_lake --fix while no writer runs"


class CatalogChecks:
    title = "parts of the catalog"

    def __init__(self, lake: CheckedLake) -> None:
        self._root = lake.root

    def tasks(self) -> list[Task]:
        """Those without a key run every time: they cost little."""
        listed = IndexFile.listed.values_list("pk", "path")
        return [Task("catalog", "", _integrity), *(Task(path, "", partial(self._index, pk)) for pk, path in listed)]

    def _index(self, pk: int) -> Iterator[Finding]:
        index = IndexFile.listed.filter(pk=pk).first()
        if index is None:  # replaced meanwhile
            return
        path = self._root / index.path
        size = path.stat().st_size if path.is_file() else None
        if size != index.bytes:
            problem = "is missing" if size is None else f"has {size} bytes, the catalog says {index.bytes}"
            yield Finding(index.path, problem, REBUILT, "index")


def _integrity() -> Iterator[Finding]:
    """As SQLite sees it: pages, indexes against tables, constraints."""
    with connection.cursor() as cursor:
        try:
            cursor.execute(f"PRAGMA integrity_check({MOST_PROBLEMS})")
            problems = [row[0] for row in cursor.fetchall()]
        except DatabaseError as error:
            problems = [str(error)]
    for problem in problems:
        if problem != "ok":
            yield Finding("catalog", f"is damaged ({' '.join(problem.split())})", DAMAGED)
