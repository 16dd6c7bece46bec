"""Each mutant can be run, docs/mutants.md tells of all, and only a test that has failed kills."""

import pytest

from tests.mutants.__main__ import PAGE, ROOT
from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import Mutant, faults
from tests.mutants.page import said
from tests.mutants.trial import Verdict, judge

GOOD = MUTANTS[0]


def test_each_mutant_is_one_edit_that_compiles_and_has_a_test():
    assert [fault for mutant in MUTANTS for fault in faults(mutant, ROOT)] == []


def test_there_are_enough_and_no_name_is_there_twice():
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 60


def test_the_page_tells_of_all_mutants_and_of_no_others_and_none_survived():
    rows = [line.rpartition(" killed |")[0] for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert rows == [said(mutant) for mutant in MUTANTS], "run: make mutants"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"file": "lake/nowhere.py"}, "there is no lake/nowhere.py"),
        ({"old": "no such text"}, "occurs 0 times"),
        ({"old": "\n"}, "times in"),
        ({"new": GOOD.old}, "changes nothing"),
        ({"new": "    if (:\n"}, "invalid syntax"),
        ({"test": "tests/nowhere.py::test_it"}, "there is no tests/nowhere.py"),
        ({"test": GOOD.test + "_not"}, "there is no tests/ingest"),
    ],
)
def test_a_wrong_record_is_told(changed, says):
    (fault,) = faults(Mutant(**GOOD._asdict() | changed), ROOT)
    assert GOOD.name in fault or "syntax" in fault
    assert says in fault


def report(cases):
    """Of one function with several parameters."""
    named = "".join(f'<testcase name="test_it[{number}]">{case}</testcase>' for number, case in enumerate(cases))
    return f"<testsuites><testsuite>{named}</testsuite></testsuites>"


FAILED, ERROR = '<failure message="{}"/>', '<error message="{}"/>'


@pytest.mark.parametrize(
    ("code", "cases", "verdict"),
    [
        (1, [FAILED.format("AssertionError: assert 1 == 2")], "killed"),
        (1, ["", FAILED.format("TypeError: no")], "killed"),
        (1, [FAILED.format("ImportError: no")], "broken"),
        (1, [FAILED.format("NameError: no")], "broken"),
        (1, [ERROR.format("failed on setup")], "broken"),
        (0, [""], "survived"),
        (0, ["<skipped/>", ""], "survived"),
        (0, ["<skipped/>"], "broken"),
        (0, [], "broken"),
        (2, [ERROR.format("collection failure")], "broken"),
        (4, [], "broken"),
        (-9, [FAILED.format("AssertionError")], "broken"),
    ],
)
def test_only_a_test_that_ran_and_failed_kills(code, cases, verdict):
    assert judge(code, report(cases), {"test_it"})[0] is Verdict(verdict)


def test_each_test_must_have_run():
    assert judge(0, report([""]), {"test_it", "test_another"}) == (Verdict.BROKEN, "skipped: test_another")


def test_a_run_that_left_no_report_is_broken():
    assert judge(3, "", {"test_it"})[0] is Verdict.BROKEN
