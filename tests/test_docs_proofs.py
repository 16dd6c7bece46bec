"""docs/proofs.md: each promise and criterion has a proof whose command exists, and when it last ran."""

import re

import pytest
from django.core.management import get_commands

from deploy.local.child import ROOT
from tests.bench.__main__ import ALONE, PARTS

PAGE = (ROOT / "docs" / "proofs.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| ")]
PROOFS = [row for row in ROWS if "last run" not in row]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
COMMANDS = re.findall(r"`((?:make|pytest|python|manage\.py) [^`]+)`", PAGE)


def test_each_promise_of_the_readme_has_a_proof():
    promises = re.findall(r"^- \*\*(.+?)\.\*\*", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert len(promises) >= 5
    assert [promise for promise in promises if f"| **{promise}** |" not in PAGE] == []


def test_each_criterion_is_there():
    numbers = [int(row[0]) for row in PROOFS if row[0].isdigit()]
    assert numbers == list(range(1, 13))


@pytest.mark.parametrize("row", PROOFS, ids=lambda row: " ".join(row)[:60])
def test_each_row_says_when_it_last_ran_or_why_it_has_not(row):
    last = row[-1]
    assert re.match(r"\d{4}-\d\d-\d\d: .|not run: .|prices as of \d{4}-\d\d$|at the end of each proof above$", last), (
        last
    )


@pytest.mark.parametrize("command", sorted(set(COMMANDS)))
def test_each_command_exists(command):
    program, *words = command.split()
    if program == "make":
        assert words[0] in TARGETS
    elif program == "manage.py":
        assert words[0] in get_commands()
    elif program == "pytest":
        paths = [word for word in words if word.startswith("tests/")]
        assert [path for path in paths if not (ROOT / path).exists()] == []
    else:
        assert words[:2] == ["-m", "tests.bench"]
        assert words[2] in (*PARTS, *ALONE)
