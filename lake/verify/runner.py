"""Proves the lake: catalog against disk, rows against CIDs, deletes against texts, indexes and batches against rows.
Reads only: lake.verify.repair repairs.

The work is cut into tasks, each small enough for the memory there is. It may run beside the flusher and the compactor:
what looks wrong while the catalog changes is looked at again. What was found in order is written to a journal, so that
a run that was killed goes on where it was.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePath
from typing import NamedTuple

from django.db.models import Max

from lake.errors import LakeError
from lake.models import DataFile, IndexFile
from lake.storage.duckdb_engine import Unreadable
from lake.verify.journal import Journal
from process import instants

ATTEMPTS = 5


class Finding(NamedTuple):
    """One difference. `path` is below LAKE_ROOT, or names another thing; `advice` says what to do; `repair` is how
    lake.verify.repair can, if it can."""

    path: str
    what: str
    advice: str
    repair: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.what}; {self.advice}"


class Task(NamedTuple):
    """`thing` is what it looks at. `key` is different as soon as what it reads is; empty: it is done in each run."""

    thing: str
    key: str
    check: Callable[[], Iterable[Finding]]


class Stage(NamedTuple):
    """`tasks` gives them as the catalog is at that moment."""

    what: str
    tasks: Callable[[], list[Task]]


@dataclass
class Report:
    """What was compared. `cids`: records whose CID was made anew; `no_cid`: those that DAG-CBOR can't hold. `unsound`:
    paths of listed files whose rows nothing more is said of. `notes`: what is worth knowing and no difference."""

    files: dict[str, tuple[int, int]] = field(default_factory=dict)  # rows and bytes by path
    cids: int = 0
    no_cid: int = 0
    skipped: int = 0
    unsound: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(rows for rows, _ in self.files.values())

    @property
    def bytes(self) -> int:
        return sum(bytes_ for _, bytes_ in self.files.values())


def run(stage: Stage, journal: Journal, report: Report) -> Iterator[tuple[int, int]]:
    """Does the stage's tasks; gives (tasks done, tasks) after each."""
    tasks = _tasks(stage, report)
    for number, task in enumerate(tasks, 1):
        if task.key and journal.holds(task.key):
            report.skipped += 1
        elif found := confirmed(task):
            report.findings += found
        elif task.key:
            journal.add(task.key)
        yield number, len(tasks)


def _tasks(stage: Stage, report: Report) -> list[Task]:
    """A file that some of it was read from may be swapped meanwhile."""
    for _ in range(ATTEMPTS):
        try:
            return stage.tasks()
        except (LakeError, Unreadable) as error:
            unreadable = _unreadable(stage.what, error)
    report.findings.append(unreadable)
    return []


def confirmed(task: Task) -> list[Finding]:
    """What stays wrong when nothing changes meanwhile, or when another look finds the same."""
    before: list[Finding] | None = None
    found: list[Finding] = []
    for _ in range(ATTEMPTS):
        listed = _listed()
        found = _found(task)
        if not found or found == before or _listed() == listed:
            break
        before = found
    return found


def _found(task: Task) -> list[Finding]:
    try:
        return list(task.check())
    except (LakeError, Unreadable, FileNotFoundError) as error:
        return [_unreadable(task.thing, error)]


def _unreadable(thing: str, error: Exception) -> Finding:
    return Finding(thing, f"can't be read ({error})", "mend what it says, or restore it from a backup")


def _listed() -> tuple[object, ...]:
    """Differs as soon as the catalog lists other files."""
    return tuple(
        value
        for model in (DataFile, IndexFile)
        for value in (
            model.objects.aggregate(Max("pk"))["pk__max"],
            model.objects.filter(superseded_at=None).count(),
        )
    )


def written_at(file: DataFile) -> datetime:
    """When all rows of the file were in the lake: its commit, or the time in the name of a compacted file."""
    if file.batch is not None:
        return file.batch.started_at
    ms = PurePath(file.path).stem.removeprefix("c-")
    return instants.utc(int(ms) * 1000) if ms.isdigit() else datetime.now(UTC)
