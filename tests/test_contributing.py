"""CONTRIBUTING.md says for each room what to run, and what it names exists."""

import re

import pytest

from tests.test_architecture import MODULES, ROOT

TABLE = (ROOT / "CONTRIBUTING.md").read_text().partition("| you changed | run |")[2]
LINES = [line.split("|")[1:3] for line in TABLE.splitlines() if line.startswith("| ")]
CHANGED = {name for changed, _ in LINES for name in re.findall("`([^`]+)`", changed)}
COMMANDS = [command for _, run in LINES for command in re.findall('T="?([^"`]+)"?`', run)]
FOLDERS = [path.relative_to(ROOT).parts[:-1] for path in MODULES if "management" not in path.parts]
ROOMS = {"/".join(folder[:2]) + "/" for folder in FOLDERS}


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_each_room_has_a_line(room):
    assert CHANGED & {room, f"{room}*.py", "deploy/" if room.startswith("deploy/") else room}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_tests_that_it_names_exist(command):
    assert all((ROOT / name).exists() for name in command.split())
