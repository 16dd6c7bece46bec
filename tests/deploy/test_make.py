"""The words of the Makefile and the scripts behind them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.child import ROOT

WORDS = [
    "help",
    "run",
    "demo",
    "monitor",
    "test",
    "test-one",
    "test-all",
    "faults",
    "mutants",
    "lint",
    "lock",
    "bench",
    "week",
    "load",
    "clean",
]
SCRIPTS = [ROOT / ".ci" / "run", *sorted((ROOT / "deploy").rglob("*.sh"))]


def test_help_is_the_default_and_tells_every_word():
    shown = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert [line.split()[1] for line in shown.splitlines()] == WORDS


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ("tests/process", r'-m "not slow.*" -n \d+ --dist worksteal tests/process'),
        ("tests/deploy/test_make.py", r'-m "not slow.*"\s+tests/deploy/test_make.py'),
        ("tests/deploy/test_make.py::test_a", "tests/deploy/test_make.py::test_a"),
        ("test_a or test_b", '-k "test_a or test_b"'),
    ],
)
def test_test_one_takes_a_folder_a_file_a_test_or_a_name(given, options):
    line = subprocess.run(["make", "-n", "test-one", f"T={given}"], cwd=ROOT, capture_output=True, text=True).stdout
    assert re.search(rf"-m pytest {options}\n", line)


def test_test_one_without_a_test_says_what_it_takes():
    asked = subprocess.run(["make", "test-one", "T="], cwd=ROOT, capture_output=True, text=True)
    assert asked.returncode
    assert "T=tests/process" in asked.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script):
    shellcheck = Path(sys.executable).parent / "shellcheck"
    result = subprocess.run([shellcheck, "--external-sources", script], cwd=ROOT, capture_output=True, text=True)
    assert result.stdout == ""


@pytest.fixture
def checkout(tmp_path):
    """A copy with what a set-up needs, whose requirements are quick to install: none."""
    shutil.copytree(ROOT / "deploy" / "local", tmp_path / "deploy" / "local")
    (tmp_path / "requirements.txt").write_text("# none\n")
    return tmp_path


def set_up(checkout, **environment):
    command = ["bash", "deploy/local/setup.sh", "requirements.txt"]
    variables = {**os.environ, "PYTHON": sys.executable, **environment}
    return subprocess.run(command, cwd=checkout, env=variables, capture_output=True, text=True)


def stand_in(folder, name, code):
    """A program of that name that does as told, such as an old interpreter."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{code}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.slow
def test_set_up_speaks_only_when_there_is_something_to_do(checkout):
    first = set_up(checkout).stderr
    assert "Making the virtual environment .venv" in first
    assert "Installing requirements.txt" in first
    again = set_up(checkout)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")

    (checkout / "requirements.txt").write_text("# others\n")
    changed = set_up(checkout).stderr
    assert "Installing requirements.txt" in changed
    assert "Making the virtual environment" not in changed

    (checkout / ".venv" / ".installed-requirements.txt").unlink()  # as an interrupted install leaves it
    assert "Installing requirements.txt" in set_up(checkout).stderr


def test_an_old_python_is_refused_in_one_sentence(checkout, tmp_path):
    old = stand_in(tmp_path, "python3", '[ "$1" = --version ] && echo Python 3.9.2 && exit; exit 1')
    result = set_up(checkout, PYTHON=old)
    assert result.returncode == 1
    assert f"Python 3.11 or newer is needed, but {old} is Python 3.9.2" in result.stderr


def test_a_python_without_venv_is_refused_with_the_package_to_install(checkout, tmp_path):
    bare = stand_in(tmp_path, "python3", f'case "$2" in *ensurepip*) exit 1;; esac; exec {sys.executable} "$@"')
    stand_in(tmp_path, "apt-get", "exit 100")
    result = set_up(checkout, PYTHON=bare, PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert result.returncode == 1
    assert "can't make virtual environments: apt-get install python3-venv" in result.stderr
