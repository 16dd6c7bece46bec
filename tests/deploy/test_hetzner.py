"""deploy/hetzner: one list of open ports, keys only, and commands that a shell understands."""

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

from deploy.local.child import ROOT

FOLDER = ROOT / "deploy/hetzner"
CLOUD_INIT = yaml.safe_load((FOLDER / "cloud-init.yaml").read_text())
COMPOSE = yaml.safe_load((ROOT / "deploy/compose.yml").read_text())
VOLUME = yaml.safe_load((ROOT / "deploy/compose.volume.yml").read_text())["volumes"]
SSH = {"22/tcp"}


def written(path):
    return next(file["content"] for file in CLOUD_INIT["write_files"] if file["path"] == path)


def test_the_firewall_outside_ufw_and_caddy_open_the_same_ports():
    rules = json.loads((FOLDER / "firewall.json").read_text())
    outside = {f"{rule['port']}/{rule['protocol']}" for rule in rules if "port" in rule}
    (loop,) = (line for line in CLOUD_INIT["runcmd"] if "ufw allow" in line)
    ports = (port.rpartition(":")[2] for port in COMPOSE["services"]["caddy"]["ports"])
    caddy = {port if "/" in port else f"{port}/tcp" for port in ports}
    assert outside == set(re.findall(r"\d+/\w+", loop)) == caddy | SSH


def test_only_keys_open_the_door_and_root_has_none():
    (user,) = CLOUD_INIT["users"]
    assert user["lock_passwd"]
    assert user["ssh_authorized_keys"] == ["@SSH_KEY@"]
    assert (CLOUD_INIT["disable_root"], CLOUD_INIT["ssh_pwauth"]) == (True, False)
    sshd = written("/etc/ssh/sshd_config.d/10-explorer.conf").split("\n")
    assert {"PermitRootLogin no", "PasswordAuthentication no", f"AllowUsers {user['name']}"} <= set(sshd)


def test_the_folders_of_the_volume_are_made_where_compose_looks_for_them():
    mount = CLOUD_INIT["mounts"][0][1]
    folders = {options["driver_opts"]["device"].rpartition("/")[2] for options in VOLUME.values()}
    assert VOLUME.keys() == folders == {"catalog", "lake"}
    assert {f"{mount}/{name}" for name in folders} == set(CLOUD_INIT["runcmd"][-1].split()[-2:])


def test_its_commands_are_a_shell_script_without_faults():
    shellcheck = Path(sys.executable).parent / "shellcheck"
    script = "\n".join(["#!/bin/sh", *CLOUD_INIT["runcmd"]])
    found = subprocess.run([shellcheck, "-"], input=script, capture_output=True, text=True, check=False)
    assert found.stdout == ""


def test_dockers_settings_are_json():
    assert json.loads(written("/etc/docker/daemon.json"))["live-restore"] is True
