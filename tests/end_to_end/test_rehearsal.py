"""docs/hetzner.md as it stands, without Hetzner: provision.sh against a stand-in for the API whose new server is a bare
Debian with systemd, sshd and cloud-init in a container, which runs a Docker engine of its own; then ship.sh.

What is the machine's and not the container's is left out of the user data: swap, the mount of the volume (a volume of
Docker is mounted there), kernel settings and huge pages. There is no registry inside: the images of others are sent
beforehand. tests/deploy/test_hetzner.py and `make lint` look at these parts.
"""

import json
import os
import subprocess
import time

import pytest
import yaml

from deploy.local.child import ROOT
from tests.deploy.hetzner_api import TOKEN, HetznerApi
from tests.end_to_end.stack import until

BASE = "python:3.13-slim-trixie"  # a bare Debian 13
NAME = "explorer-rehearsal"
HOST = "explorer.test"
PACKAGES = "cloud-init openssh-server sudo systemd systemd-sysv dbus iproute2 procps ca-certificates"
# cgroups of version 1 too, where the engine outside has these.
INIT = ("/sbin/init", "systemd.unified_cgroup_hierarchy=0", "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1")
RIGHTS = ("SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "IPC_LOCK", "SYSLOG", "MAC_ADMIN", "SYS_NICE", "AUDIT_CONTROL")
IMAGES = ("redis:8.0-bookworm", "caddy:2.10")
MINUTES = 15
ROOT_CERTIFICATE = "/data/caddy/pki/authorities/local/root.crt"


def works(command):
    return subprocess.run(command, shell=True, capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.geteuid() != 0
        or not works(f"docker image inspect {BASE} {' '.join(IMAGES)}")
        or not works("hcloud volume create --help | grep -e --enable-protection && command -v ssh-keygen"),
        reason=f"needs root, a Docker engine with the images {BASE} {' '.join(IMAGES)}, hcloud 1.39, and ssh-keygen",
    ),
]


def run(*command, check=True, **options):
    result = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert not check or result.returncode == 0, (result.stdout + result.stderr)[-5000:]
    return result


class Server:
    """The new server. Its disk is as bare as Hetzner's image."""

    def __init__(self, folder):
        self.folder = folder

    def boot(self, user_data):
        """Returns its address, which this machine reaches."""
        config = yaml.safe_load(user_data)
        config.pop("swap")
        config.pop("mounts")
        outside = ("/etc/sysctl.d/90-explorer.conf", "/etc/tmpfiles.d/explorer.conf")
        config["write_files"] = [file for file in config["write_files"] if file["path"] not in outside]
        config["runcmd"] = [line for line in config["runcmd"] if "sysctl" not in line and "tmpfiles" not in line]
        seed = self.folder / "seed"
        seed.mkdir()
        (seed / "user-data").write_text("#cloud-config\n" + yaml.safe_dump(config))
        (seed / "meta-data").write_text(f"instance-id: {NAME}\nlocal-hostname: explorer\n")
        options = [f"--cap-add={right}" for right in RIGHTS]
        options += [f"--security-opt={what}=unconfined" for what in ("seccomp", "apparmor", "systempaths")]
        options += [f"--tmpfs={path}" for path in ("/run", "/run/lock", "/tmp")]
        options += [
            f"--volume={path}" for path in ("/var/lib/docker", "/mnt/explorer", "/sys/fs/cgroup:/sys/fs/cgroup")
        ]
        options += [f"--volume={seed}:/var/lib/cloud/seed/nocloud:ro", "--env=container=docker"]
        run(
            "docker",
            "run",
            "--detach",
            "--name",
            NAME,
            "--device-cgroup-rule=a *:* rwm",
            *options,
            f"{NAME}:bare",
            *INIT,
        )
        return run("docker", "inspect", "--format", "{{.NetworkSettings.IPAddress}}", NAME).stdout.strip()


def build_bare_image():
    """What Hetzner's image has: cloud-init, sshd, systemd. No Docker."""
    steps = (
        f"FROM {BASE}\nRUN apt-get update -qq && apt-get install -y -qq --no-install-recommends {PACKAGES} > /dev/null"
    )
    run(
        "docker",
        "build",
        "--quiet",
        "--tag",
        f"{NAME}:bare",
        "-",
        input=steps,
        env=os.environ | {"DOCKER_BUILDKIT": "0"},
    )


class Operator:
    """Somebody with a key, a clone, Docker and hcloud."""

    def __init__(self, folder, api_url):
        self.folder, self.clone = folder, folder / "clone"
        self.ssh = f"ssh -i {folder}/key -o UserKnownHostsFile={folder}/known"
        self.variables = os.environ | {
            "HCLOUD_ENDPOINT": api_url,
            "HCLOUD_TOKEN": TOKEN,
            "SSH_KEY": f"{folder}/key.pub",
            "SSH": self.ssh,
        }
        run("git", "clone", "--quiet", str(ROOT), str(self.clone))
        run("git", "config", "user.email", "you@example.org", cwd=self.clone)
        run("git", "config", "user.name", "you", cwd=self.clone)

    def provision(self):
        return run("bash", "deploy/hetzner/provision.sh", HOST, "internal", cwd=self.clone, env=self.variables).stdout

    def ship(self, target, check=True):
        return run("bash", "deploy/ship.sh", target, cwd=self.clone, env=self.variables, check=check)

    def there(self, target, command, **options):
        return run(*self.ssh.split(), target, command, **options).stdout

    def commit(self, path, old, new):
        text = (self.clone / path).read_text()
        assert old in text
        (self.clone / path).write_text(text.replace(old, new))
        run("git", "commit", "--quiet", "--all", "--message", "another one", cwd=self.clone)


@pytest.fixture
def operator(tmp_path):
    build_bare_image()
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key"))
    fingerprint = run("ssh-keygen", "-E", "md5", "-lf", str(tmp_path / "key.pub")).stdout.split()[1]
    try:
        with HetznerApi(fingerprint.removeprefix("MD5:"), Server(tmp_path).boot) as api:
            yield Operator(tmp_path, api.url)
    finally:
        run("docker", "rm", "--force", "--volumes", NAME, check=False)


def search(ip, root):
    """The hits of a search over HTTPS at the server, whose name is in no DNS; the chain is verified."""
    address = f"https://{HOST}/search?text=time&limit=1"
    words = ["curl", "--silent", "--fail", "--cacert", root, "--resolve", f"{HOST}:443:{ip}", address]
    answer = run(*words, check=False)
    return json.loads(answer.stdout)["results"] if answer.returncode == 0 else []


def state(operator, target):
    """What a second run must not change: containers with their starts, the secrets, the open ports."""
    return operator.there(
        target,
        "docker ps --no-trunc --quiet | sort | xargs docker inspect --format '{{.Name}} {{.Id}} {{.State.StartedAt}}';"
        "cd /opt/explorer/deploy; sha256sum .env secrets/*; sudo ufw status; ls -ln /mnt/explorer",
    )


def test_from_an_empty_account_to_a_search_and_through_an_update_that_fails(operator, tmp_path, capsys):
    begin = time.monotonic()
    printed = operator.provision()
    target = printed.rsplit(" ", 1)[1].strip()
    ip = target.partition("@")[2]
    provisioned = time.monotonic()
    run("bash", "-c", f"docker save {' '.join(IMAGES)} | {operator.ssh} {target} 'docker load --quiet'")
    own = "s/^COMPOSE_FILE=.*/&:compose.simulator.yml/; s/^COMPOSE_PROFILES=.*//"
    operator.there(target, f"sed -i '{own}' /opt/explorer/deploy/.env")
    others = time.monotonic()
    operator.ship(target)
    root = tmp_path / "root.crt"
    root.write_text(
        operator.there(target, f"cd /opt/explorer/deploy && docker compose exec -T caddy cat {ROOT_CERTIFICATE}")
    )
    until(lambda: search(ip, root), "a search finds something", 120)
    end = time.monotonic()
    took = [f"{seconds:.0f} s" for seconds in (provisioned - begin, others - provisioned, end - others)]
    with capsys.disabled():
        print("\nprovision.sh, the images of others, ship.sh and the first hit:", *took)
    assert end - begin < MINUTES * 60
    assert "lake" in operator.there(target, "docker volume inspect explorer_lake --format '{{.Options.device}}'")

    before = state(operator, target)
    assert "made: " not in operator.provision()
    operator.ship(target)
    assert state(operator, target) == before

    served = operator.there(target, "grep ^IMAGE= /opt/explorer/deploy/.env")
    operator.commit("deploy/compose.yml", "exec python manage.py check_health", "exec false")
    failed = operator.ship(target, check=False)
    assert failed.returncode == 1
    assert "serves again" in failed.stderr
    assert operator.there(target, "grep ^IMAGE= /opt/explorer/deploy/.env") == served
    assert search(ip, root)

    run("git", "revert", "--no-edit", "HEAD", cwd=operator.clone)
    operator.ship(target)
    assert operator.there(target, "grep ^IMAGE= /opt/explorer/deploy/.env") != served
    assert search(ip, root)
