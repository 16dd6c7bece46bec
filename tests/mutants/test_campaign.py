"""A campaign over a project of one module: what becomes of each mutant, and that the project itself is left alone."""

import subprocess

import pytest

from tests.mutants.__main__ import ROOT
from tests.mutants.campaign import Campaign
from tests.mutants.mutant import Mutant

MODULE = "def double(number):\n    return 2 * number\n"
TESTS = """import pytest
from module import double

def test_double():
    assert double(2) == 4

def test_nothing():
    assert double(0) == 0

@pytest.mark.skip
def test_skipped():
    assert double(2) == 4

def test_wrong():
    assert double(2) == 5
"""


def mutant(name, new, test):
    return Mutant(name, "module.py", "2 * number", new, "a wrong sum", f"test_module.py::{test}")


@pytest.mark.slow
def test_a_mutant_is_killed_by_a_failure_of_its_sound_test_alone(tmp_path, monkeypatch):
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE")  # of this test's own run
    (tmp_path / "module.py").write_text(MODULE)
    (tmp_path / "test_module.py").write_text(TESTS)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "module.py", "test_module.py"], cwd=tmp_path, check=True)
    lines = []
    tried = Campaign(tmp_path, 1, lines.append).run(
        [
            mutant("seen", "3 * number", "test_double"),
            mutant("not seen", "3 * number", "test_nothing"),
            mutant("no mutant", "2 * nobody", "test_double"),
            mutant("not asked", "3 * number", "test_skipped"),
            mutant("wrong before", "3 * number", "test_wrong"),
        ]
    )
    assert [one.outcome.verdict for one in tried] == ["killed", "survived", "broken", "broken", "broken"]
    assert tried[0].outcome.why == "assert 6 == 4"
    assert [line.split()[0] for line in lines if "no mutant" in line] == ["broken"]
    assert (tmp_path / "module.py").read_text() == MODULE
    assert {path.name for path in tmp_path.iterdir()} == {".git", ".venv", "module.py", "test_module.py"}
