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
    assert records.last_run("backup") == (None, False)
    with records.job("backup"):
        pass
    good, failed = records.last_run("backup")
    assert (time.time() - good < 5, failed) == (True, False)
    with pytest.raises(KeyError), records.job("backup"):
        raise KeyError
    assert records.last_run("backup") == (good, True)
    with pytest.raises(KeyboardInterrupt), records.job("backup"):
        raise KeyboardInterrupt
    assert records.last_run("backup") == (good, True)
    with records.job("backup"):
        pass
    assert not records.last_run("backup").failed


@pytest.mark.parametrize("text", ["", "[]", "{", '{"good": "x", "OSError": "x"}'])
def test_a_damaged_record_is_none(beside, text):
    beside.mkdir()
    for name in ("backup", "errors-flusher"):
        (beside / f"{name}.json").write_text(text)
    assert records.last_run("backup") == (None, False)
    assert records.errors_of("flusher")["OSError"] == 0


def test_what_can_not_be_recorded_hides_nothing(beside):
    beside.write_text("a file where the folder should be")
    with pytest.raises(KeyError), records.errors_counted("flusher"):
        raise KeyError
    with records.job("backup"):
        pass
