"""A run that was killed continues where it was."""

import time

import pytest

from lake.models import DataFile
from lake.verify.journal import Journal
from tests.lake.verify.lakes import verified


def test_a_killed_run_goes_on_where_it_was_and_says_so(full, monkeypatch):
    killed_at(monkeypatch, 2)
    with pytest.raises(SystemExit):
        verified()
    monkeypatch.undo()
    lines, failure = verified()
    assert failure is None
    assert "An unfinished run has verified 2 things from 20" in lines[0]
    assert lines[1].startswith("OK: 2 files")
    assert lines[1].endswith(", 2 things skipped.")
    assert verified()[0][0].startswith("OK: 4 files"), "a run that ends leaves nothing to skip"


def test_a_resumed_run_verifies_what_has_changed(full, monkeypatch, journal_path):
    killed_at(monkeypatch, 4)
    with pytest.raises(SystemExit):
        verified()
    monkeypatch.undo()
    DataFile.objects.filter(dataset="posts").update(sha256="0" * 64)
    assert any("has the sha256" in line for line in verified()[0])


def test_a_run_begins_anew_on_request_or_after_a_week(full, monkeypatch, journal_path):
    for arguments, age in ((["--again"], 0), ([], 8 * 86_400)):
        with Journal(journal_path) as journal:
            for file in DataFile.objects.all():
                journal.add(f"file {file.pk} {file.sha256} 0")
        if age:
            later = time.time() + age
            monkeypatch.setattr(time, "time", lambda later=later: later)
        assert verified(*arguments)[0][0].startswith("OK: 4 files")


def test_a_line_that_was_cut_short_is_no_harm(journal_path):
    with Journal(journal_path) as journal:
        journal.add("one")
    with journal_path.open("a") as file:
        file.write('["two", 17')
    with Journal(journal_path) as journal:
        assert (journal.holds("one"), journal.holds("two")) == (True, False)


def test_two_at_a_time_are_refused(full, journal_path):
    with Journal(journal_path):
        assert verified()[1] == "Another verify_lake runs: wait until it has ended."


def killed_at(monkeypatch, number):
    """The run ends when so many tasks have passed."""
    real, added = Journal.add, []

    def add(self, key):
        real(self, key)
        added.append(key)
        if len(added) == number:
            raise SystemExit(-9)

    monkeypatch.setattr(Journal, "add", add)
