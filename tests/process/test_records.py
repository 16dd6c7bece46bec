"""What outlives a process."""

import time

import pytest
from django.core.management.base import CommandError
from django.db.utils import OperationalError

from lake.errors import LakeUnusable
from process import records


@pytest.fixture(autouse=True)
def beside(settings, tmp_path):
    settings.DATABASE_PATH = tmp_path / "catalog.sqlite3"
    return tmp_path / "catalog.sqlite3.records"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (LakeUnusable("x"), "LakeError"),
        (CommandError("x"), "CommandError"),
        (OperationalError("x"), "DatabaseError"),
        (ConnectionResetError(), "OSError"),
        (MemoryError(), "MemoryError"),
        (KeyError(), "Exception"),
        (SystemExit(), "Exception"),
    ],
)
def test_every_error_has_one_type_of_a_closed_set(error, kind):
    assert records.error_type(error) == kind


def test_errors_that_end_a_process_are_counted_across_its_starts():
    for error in (KeyError(), KeyError(), OSError()):
        with pytest.raises(type(error)), records.errors_counted("flusher"):
            raise error
    with pytest.raises(KeyboardInterrupt), records.errors_counted("flusher"):
        raise KeyboardInterrupt
    assert {kind: number for kind, number in records.errors_of("flusher").items() if number} == {
        "Exception": 2,
        "OSError": 1,
    }
    assert set(records.errors_of("consumer").values()) == {0}


def test_a_job_leaves_when_it_was_good_and_whether_it_failed():
    assert records.last_run("backup") == (None, False, None)
    with records.job("backup"):
        pass
    good, failed, ended = records.last_run("backup")
    assert (time.time() - good < 5, failed, ended) == (True, False, good)
    with pytest.raises(KeyError), records.job("backup"):
        raise KeyError
    after = records.last_run("backup")
    assert after[:2] == (good, True)
    assert after.ended > good
    with pytest.raises(KeyboardInterrupt), records.job("backup"):
        raise KeyboardInterrupt
    assert records.last_run("backup") == after
    with records.job("backup"):
        pass
    assert not records.last_run("backup").failed


@pytest.mark.parametrize("text", ["", "[]", "{", '{"good": "x", "OSError": "x"}'])
def test_a_damaged_record_is_none(beside, text):
    beside.mkdir()
    for name in ("backup", "errors-flusher"):
        (beside / f"{name}.json").write_text(text)
    assert records.last_run("backup") == (None, False, None)
    assert records.errors_of("flusher")["OSError"] == 0


def test_a_run_that_was_killed_is_recorded_by_who_started_it(beside):
    with records.job("backup"):
        pass
    good = records.last_run("backup").good
    records.job_failed("backup")
    assert records.last_run("backup")[:2] == (good, True)
    assert records.job_report("backup") == beside / "backup.txt"


def test_what_can_not_be_recorded_hides_nothing(beside):
    beside.write_text("a file where the folder should be")
    with pytest.raises(KeyError), records.errors_counted("flusher"):
        raise KeyError
    with records.job("backup"):
        pass
