"""The bar, on something that says it is a terminal."""

import io
from types import SimpleNamespace

import pytest

from process import progress_bar
from process.progress_bar import ProgressBar, run_with_progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(progress_bar, "sys", SimpleNamespace(stderr=terminal))
    return terminal


def test_the_last_state_is_drawn_and_ends_the_line(terminal):
    run_with_progress(((number, 2_000) for number in range(2_001)), "files")
    drawings = terminal.getvalue().split("\r")[1:]
    assert drawings[0] == f"[{' ' * 30}]   0% 0 of 2,000 files"
    assert drawings[-1] == f"[{'#' * 30}] 100% 2,000 of 2,000 files\n"
    assert len(drawings) < 100, "not at each step"


def test_every_step_that_is_due_is_drawn_with_what_the_unit_says_then(terminal, monkeypatch):
    monkeypatch.setattr(progress_bar, "REDRAW_SECONDS", -1)
    rows = 0
    with ProgressBar(lambda: f"hours, {rows} rows") as bar:
        bar.show(1, 3)
        rows = 9
        bar.show(2, 3)
    shown = [drawing.partition("] ")[2] for drawing in terminal.getvalue().split("\r")[1:]]
    assert shown == [" 33% 1 of 3 hours, 0 rows", " 67% 2 of 3 hours, 9 rows", " 67% 2 of 3 hours, 9 rows\n"]


def test_an_error_begins_on_a_line_of_its_own(terminal):
    def fails():
        yield 1, 3
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_with_progress(fails(), "files")
    assert terminal.getvalue().endswith("1 of 3 files\n")


def test_nothing_is_drawn_for_no_work_or_into_a_file(terminal):
    run_with_progress([], "files")
    file = progress_bar.sys.stderr = io.StringIO()
    run_with_progress([(0, 0), (1, 1)], "files")
    assert (terminal.getvalue(), file.getvalue()) == ("", "")


def test_no_work_of_any_is_all_of_it(terminal):
    run_with_progress([(0, 0)], "files")
    assert terminal.getvalue().endswith("100% 0 of 0 files\n")
