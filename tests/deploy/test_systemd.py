"""deploy/systemd: a unit for each process, with the commands that there are. `make lint` has systemd look at them."""

import re

import pytest
import yaml
from django.core.management import get_commands

from deploy.local.child import ROOT
from process.heartbeats import COMMANDS

FOLDER = ROOT / "deploy/systemd"
SERVICES = {path.stem.removeprefix("explorer-"): path.read_text() for path in FOLDER.glob("explorer-*.service")}
TARGET = (FOLDER / "explorer.target").read_text()
COMPOSE = yaml.safe_load((ROOT / "deploy/compose.yml").read_text())
EVERY = (FOLDER / "explorer-.service.d/every.conf").read_text()


def started(name):
    return re.findall(r"^ExecStart=(\S+) (.+)", SERVICES[name], re.MULTILINE)


def test_each_process_has_a_unit_and_the_target_starts_it():
    for name, command in COMMANDS.items():
        ((program, words),) = started(name)
        assert program.endswith(command) or words == f"manage.py {command}"
        assert "Restart=always" in SERVICES[name]
    assert SERVICES.keys() == {*COMMANDS, "setup", "redis"}
    wanted = {f"{name}.service" for name in {*COMMANDS, "redis"}}
    assert set(re.findall(r"explorer-(\S+)", TARGET)) == wanted


@pytest.mark.parametrize("name", SERVICES)
def test_its_commands_exist(name):
    for _, words in started(name):
        if words.startswith("manage.py"):
            assert words.split()[1] in get_commands()
        for path in re.findall(r"(?:/srv/explorer/)?(deploy/\S+)", words):
            assert (ROOT / path).is_file()


def test_all_run_in_one_folder_as_one_user_who_has_no_rights():
    settings = dict(re.findall(r"^(\w+)=(.*)$", EVERY, re.MULTILINE))
    assert settings["EnvironmentFile"] == f"{settings['WorkingDirectory']}/.env"
    assert settings["User"] == "explorer"
    assert settings["CapabilityBoundingSet"] == ""
    assert "User=" not in "".join(SERVICES.values())


def test_units_give_the_memory_that_containers_get():
    limits = {name: service["mem_limit"] for name, service in COMPOSE["services"].items()}
    for name in {*COMMANDS, "redis"}:
        assert re.findall(r"^MemoryMax=(.+)", SERVICES[name], re.MULTILINE) == [limits[name].upper()]
