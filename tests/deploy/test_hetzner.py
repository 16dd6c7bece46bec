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


EVENTS_A_DAY = 41e6
INDEX_BYTES = 300  # per post, with the vocabulary of docs/performance.md's months
FREE = 0.15  # of the disk: below it the alert DiskLow fires
SERVER_EUR, GB_EUR = 6.49 + 0.50, 0.0572


def tables(page):
    """The cells of all rows of its tables."""
    lines = (ROOT / "docs" / page).read_text().splitlines()
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines if line.startswith("| ")]


def gb_a_day():
    """By dataset, from the table of docs/performance.md: name, rows, JSON, flushed, compacted, smaller."""
    names = {"accounts", "blocks", "deletes", "follows", "likes", "posts", "profiles", "records", "reposts", "all"}
    measured = {row[0]: row for row in tables("performance.md") if row[0] in names and len(row) == 6}
    rows = {name: int(row[1].replace(",", "")) for name, row in measured.items()}
    total = rows.pop("all")
    each = {name: float(measured[name][4]) + (INDEX_BYTES if name == "posts" else 0) for name in rows}
    return {name: EVENTS_A_DAY * rows[name] / total * each[name] / 1e9 for name in rows}


def test_the_costs_are_those_of_the_bytes_that_were_measured():
    days = gb_a_day()
    posts, total = days["posts"], sum(days.values())
    shown = {row[0]: float(row[3]) for row in tables("hetzner.md") if row[0] in {"posts", "likes", "all other", "all"}}
    wanted = {"posts": posts, "likes": days["likes"], "all other": total - posts - days["likes"], "all": total}
    assert shown == {name: round(gb, 2) for name, gb in wanted.items()}
    sizes = [row for row in tables("hetzner.md") if row[0].isdigit()]
    assert sizes == [
        (
            size,
            f"{SERVER_EUR + int(size) * GB_EUR:.2f}",
            str(int(int(size) * (1 - FREE) / total)),
            str(int((int(size) * (1 - FREE) - 7 * (total - posts)) / posts)),
        )
        for size, *_ in sizes
    ]


def test_the_default_retention_fits_the_default_volume():
    defaults = dict(re.findall(r"\$\{(VOLUME_GB|RETENTION_DAYS):?-(\d+)\}", (FOLDER / "provision.sh").read_text()))
    needed = sum(gb_a_day().values()) * int(defaults["RETENTION_DAYS"])
    assert needed / (1 - FREE) <= int(defaults["VOLUME_GB"])
