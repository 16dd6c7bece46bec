"""A finding counts when it is confirmed, whatever the catalog does meanwhile."""

from collections.abc import Callable
from typing import NamedTuple

from lake.errors import LakeUnusable
from lake.models import DataFile
from lake.verify import runner
from lake.verify.findings import Finding, Report
from lake.verify.journal import Journal
from lake.verify.runner import Task


class Checks(NamedTuple):
    title: str
    tasks: Callable[[], list[Task]]


def test_tasks_that_need_a_file_which_has_gone_are_made_again(db):
    report, looks = Report(), []

    def tasks():
        looks.append(1)
        if len(looks) < 3:
            raise LakeUnusable("it was swapped")
        return [Task("it", "", list)]

    assert list(runner.run(Checks("x", tasks), None, report)) == [(1, 1)]
    assert report.findings == []
    assert list(runner.run(Checks("x", lambda: (_ for _ in ()).throw(LakeUnusable("gone"))), None, report)) == []
    assert [str(finding) for finding in report.findings] == [
        "x: can't be read (gone); remove the cause, or restore it from a backup"
    ]


def test_what_stays_wrong_while_the_catalog_changes_is_found(full):
    finding = Finding("it", "is wrong", "repair it")
    looks = []

    def check():
        looks.append(1)
        DataFile.objects.filter(dataset="likes").update(superseded_at=f"2026-07-02T00:00:0{len(looks)}Z")
        DataFile.objects.filter(dataset="posts").update(superseded_at=None if len(looks) % 2 else "2026-07-02T00:00Z")
        return [finding]

    assert (runner.confirmed(Task("it", "", check)), len(looks)) == ([finding], 2)


def test_what_differs_is_never_skipped(db, journal_path):
    with Journal(journal_path) as journal:
        checks = Checks("x", lambda: [Task("it", "key", lambda: [Finding("it", "is wrong", "repair it")])])
        list(runner.run(checks, journal, Report()))
        assert journal.count == 0
    with Journal(journal_path) as journal:
        assert not journal.holds("key")
