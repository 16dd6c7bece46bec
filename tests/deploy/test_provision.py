"""deploy/hetzner/provision.sh with the real hcloud, against a stand-in for Hetzner's API and for the new server."""

import os
import re
import subprocess

import pytest
import yaml

from deploy.local.child import ROOT
from tests.deploy.hetzner_api import TOKEN, HetznerApi

SCRIPT = ROOT / "deploy/hetzner/provision.sh"
WORDS = ("explorer.example.org", "you@example.org")


def works(command):
    return subprocess.run(command, shell=True, capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(
    not works("hcloud volume create --help | grep -e --enable-protection && command -v ssh-keygen"),
    reason="needs hcloud 1.39 or newer (Debian 13: apt-get install hcloud-cli) and ssh-keygen (openssh-client)",
)

# What the new server says and does. The last word of the command line is the command there.
SSH = """#!/bin/bash
echo "$*" >> "$HOME/ssh.log"
case "$*" in
  *cloud-init*) echo "$CLOUD_INIT" ;;
  *) command="${@: -1}" && bash -c "${command//"/opt/explorer"/FILES}" ;;
esac
"""


class Operator:
    """Somebody with a key at a machine of their own. `files`: what is on the server."""

    def __init__(self, folder, api):
        self.folder, self.api, self.files = folder, api, folder / "server"
        (folder / "bin").mkdir()
        (folder / "bin/ssh").write_text(SSH.replace("FILES", str(self.files)))
        (folder / "bin/ssh").chmod(0o755)

    def provision(self, *words, **variables):
        environment = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "HCLOUD_ENDPOINT": self.api.url,
            "HCLOUD_TOKEN": TOKEN,
            "SSH_KEY": str(self.folder / "key.pub"),
            "CLOUD_INIT": "status: done\nexit code 0",
            "TRIES": "0",
        }
        command = ["bash", SCRIPT, *(words or WORDS)]
        return subprocess.run(command, env=environment | variables, capture_output=True, text=True, check=False)


@pytest.fixture
def api(tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    shown = subprocess.run(
        ["ssh-keygen", "-E", "md5", "-lf", tmp_path / "key.pub"], capture_output=True, text=True, check=True
    ).stdout
    with HetznerApi(shown.split()[1].removeprefix("MD5:")) as api:
        yield api


@pytest.fixture
def operator(tmp_path, api):
    return Operator(tmp_path, api)


def test_an_empty_project_becomes_a_server_and_a_second_run_changes_nothing(operator, api):
    first = operator.provision()
    assert first.returncode == 0, first.stderr
    assert [line.split()[1] for line in first.stdout.splitlines() if line.startswith("made: ")][:6] == [
        "ssh",
        "firewall",
        "volume",
        "protection",
        "server",
        "address",
    ]
    assert first.stdout.splitlines()[-1] == "2. bash deploy/ship.sh explorer@192.0.2.10"
    (server,), (volume,) = api.named("servers").values(), api.named("volumes").values()
    assert (server["location"], server["volumes"], volume["size"]) == ("fsn1", [volume["id"]], 200)
    firewall = api.named("firewalls")["explorer"]
    assert [rule.get("port") for rule in firewall["rules"]] == [
        None,
        "22",
        "80",
        "443",
        "443",
    ]
    assert [one["firewall"] for one in server["firewalls"]] == [firewall["id"]]
    assert (volume["format"], volume["protection"]) == ("ext4", {"delete": True})
    assert api.named("primary_ips")["explorer"]["auto_delete"] is False
    user_data = yaml.safe_load(server["user_data"])
    key = (operator.folder / "key.pub").read_text().rsplit(" ", 1)[0]
    assert user_data["users"][0]["ssh_authorized_keys"] == [key]
    assert user_data["mounts"][0][0] == f"/dev/disk/by-id/scsi-0HC_Volume_{volume['id']}"
    dotenv = (operator.files / "deploy/.env").read_text()
    assert {"SITE=explorer.example.org", "RETENTION_DAYS=30", "VOLUME=/mnt/explorer"} <= set(dotenv.splitlines())

    api.requests.clear()
    again = operator.provision()
    assert again.returncode == 0, again.stderr
    assert (api.requests, "made: " in again.stdout) == ([], False)
    assert len(re.findall("^kept: ", again.stdout, re.MULTILINE)) == len(
        re.findall("^made: (?!protection)", first.stdout, re.MULTILINE)
    )
    assert (operator.files / "deploy/.env").read_text() == dotenv


@pytest.mark.slow
@pytest.mark.parametrize("refused", ["firewalls", "volumes", "servers"])
def test_a_run_that_failed_half_way_is_finished_by_the_next(operator, api, refused):
    api.refuse[f"POST /{refused}"] = (422, "resource_limit_exceeded")
    failed = operator.provision()
    assert failed.returncode == 1
    assert "resource_limit_exceeded" in failed.stderr
    api.refuse.clear()
    made = {kind: set(api.named(kind)) for kind in ("ssh_keys", "firewalls", "volumes", "servers")}
    assert operator.provision().returncode == 0
    assert all(names <= set(api.named(kind)) and len(api.named(kind)) == 1 for kind, names in made.items())


@pytest.mark.slow
def test_a_new_server_gets_the_volume_and_the_address_of_the_old_one(operator, api):
    assert operator.provision().returncode == 0
    api.items["servers"].clear()
    api.named("volumes")["explorer"]["server"] = None
    assert operator.provision().returncode == 0
    (server,), (volume,) = api.named("servers").values(), api.named("volumes").values()
    assert volume["server"] == server["id"]
    assert list(api.named("primary_ips")) == ["explorer"]


@pytest.mark.slow
def test_a_volume_that_was_detached_is_attached_again(operator, api):
    assert operator.provision().returncode == 0
    api.named("volumes")["explorer"]["server"] = None
    assert "made: volume explorer is attached to server explorer" in operator.provision().stdout
    assert api.named("volumes")["explorer"]["server"]


@pytest.mark.parametrize(
    ("words", "variables", "said"),
    [
        ((), {"HCLOUD_TOKEN": ""}, "HCLOUD_TOKEN is not set"),
        ((), {"HCLOUD_TOKEN": "wrong"}, "unauthorized"),
        ((), {"SSH_KEY": "/nowhere.pub"}, "There is no public key /nowhere.pub"),
        ((), {"VOLUME_GB": "lots"}, "VOLUME_GB=lots is no number"),
        ((), {"RETENTION_DAYS": "30;reboot"}, "RETENTION_DAYS=30;reboot"),
        (("explorer.example.org",), {}, "usage: "),
        (("explorer.example.org'; reboot", "you@example.org"), {}, "usage: "),
    ],
)
def test_what_is_missing_or_wrong_is_said(operator, words, variables, said):
    result = operator.provision(*words, **variables)
    assert result.returncode in (1, 2)
    assert said in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"CLOUD_INIT": "status: error\nexit code 1"}, "cloud-init failed on explorer@192.0.2.10"),
        ({"SSH": "false"}, "explorer@192.0.2.10 can't be reached"),
    ],
)
def test_a_server_that_does_not_come_up_is_reported(operator, variables, said):
    result = operator.provision(**variables)
    assert result.returncode == 1
    assert said in result.stderr
