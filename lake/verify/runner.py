"""Runs the checks of verify_lake. Reads only: lake.verify.repair repairs.

The work is cut into tasks, each small enough for the memory limit. The flusher and the compactor may run meanwhile: a
finding counts only if the catalog has not changed or a second look confirms it. Tasks that pass are journalled, so a
killed run resumes.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from django.db.models import Count, Max, Q

from lake.errors import LakeError
from lake.models import DataFile, IndexFile
from lake.storage.duckdb_engine import Unreadable
from lake.verify.findings import Finding, Report
from lake.verify.journal import Journal

ATTEMPTS = 5


class Task(NamedTuple):
    """`key` changes with everything that the task reads; an empty one makes the task run every time."""

    subject: str
    key: str
    check: Callable[[], Iterable[Finding]]


class Checks(Protocol):
    title: str  # in the plural, for the progress bar

    def tasks(self) -> list[Task]:
        """For the catalog as it is now."""
        ...


def run(checks: Checks, journal: Journal, report: Report) -> Iterator[tuple[int, int]]:
    """Runs all tasks; yields (tasks done, tasks) after each."""
    tasks = _tasks(checks, report)
    for number, task in enumerate(tasks, 1):
        if task.key and journal.holds(task.key):
            report.skipped += 1
        elif findings := confirmed(task):
            report.findings += findings
        elif task.key:
            journal.add(task.key)
        yield number, len(tasks)


def confirmed(task: Task) -> list[Finding]:
    """The task's findings, once two runs agree or the catalog has not changed during a run."""
    previous: list[Finding] | None = None
    findings: list[Finding] = []
    for _ in range(ATTEMPTS):
        state = _catalog_state()
        findings = _findings(task)
        if not findings or findings == previous or _catalog_state() == state:
            break
        previous = findings
    return findings


def _tasks(checks: Checks, report: Report) -> list[Task]:
    """Some checks read files to make their tasks, and files may be swapped meanwhile."""
    for _ in range(ATTEMPTS):
        try:
            return checks.tasks()
        except (LakeError, Unreadable) as error:
            unreadable = _unreadable(checks.title, error)
    report.findings.append(unreadable)
    return []


def _findings(task: Task) -> list[Finding]:
    try:
        return list(task.check())
    except (LakeError, Unreadable, FileNotFoundError) as error:
        return [_unreadable(task.subject, error)]


def _unreadable(subject: str, error: Exception) -> Finding:
    return Finding(subject, f"can't be read ({error})", "remove the cause, or restore it from a backup")


def _catalog_state() -> list[dict[str, Any]]:
    """Differs as soon as the catalog lists other files."""
    listed = Count("pk", filter=Q(superseded_at=None))
    return [model.objects.aggregate(Max("pk"), listed=listed) for model in (DataFile, IndexFile)]
