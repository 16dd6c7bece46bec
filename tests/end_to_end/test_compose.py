"""deploy/compose.yml as it is, with the simulator: started, asked over TLS, killed container by container."""

import json
import os
import shutil
import signal
import ssl
import subprocess
import urllib.error
import urllib.request

import pytest

from deploy.local.child import ROOT
from deploy.local.environment import free_port
from process.heartbeats import COMMANDS
from tests.end_to_end.stack import until

PROJECT = "explorer-test"
CONTAINERS = ("redis", *COMMANDS, "caddy")
PATIENCE = 90  # seconds
WATCHERS = ("prometheus", "alertmanager", "redis_exporter", "node_exporter")
# Of the host, not of the service: docs/deployment.md says how to set it.
HOSTS_OWN = "Memory overcommit must be enabled"


def works(*command):
    return (
        shutil.which(command[0]) is not None
        and not subprocess.run(command, capture_output=True, check=False).returncode
    )


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (works("docker", "info") and works("docker", "compose", "version")) or os.geteuid() != 0,
        reason="needs a Docker engine with compose v2, and root, who may kill what runs in containers",
    ),
]


class Compose:
    def __init__(self, folder, project=PROJECT):
        self.project = project
        self.folder, self.http, self.https = folder / "deploy", free_port(), free_port()
        files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name in files.split("\0")[:-1]:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        subprocess.run(["bash", "deploy/prepare.sh", "localhost", "internal"], cwd=folder, check=True)
        ports = {
            "HTTP_PORT": str(self.http),
            "HTTPS_PORT": str(self.https),
            "IMAGE": f"{project}:latest",
            "RATE": "500",
        }
        self.variables = {**os.environ, **ports}
        self.context = ssl.create_default_context()

    def __call__(self, *words, check=True):
        files = ["--project-name", self.project, "--file", "compose.yml", "--file", "compose.simulator.yml"]
        result = subprocess.run(
            ["docker", "compose", *files, *words],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or result.returncode == 0, result.stderr[-3000:]
        return result.stdout

    def trust(self):
        root = self("exec", "-T", "caddy", "cat", "/data/caddy/pki/authorities/local/root.crt")
        self.context.load_verify_locations(cadata=root)

    def get(self, path):
        """The status, the headers, the body."""
        try:
            with urllib.request.urlopen(
                f"https://localhost:{self.https}{path}", context=self.context, timeout=30
            ) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def inspect(self, service, what):
        name = f"{self.project}-{service}-1"
        command = ["docker", "inspect", "--format", f"{{{{{what}}}}}", name]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def compose(tmp_path_factory):
    compose = Compose(tmp_path_factory.mktemp("compose"))
    try:
        compose("up", "--build", "--detach", "--wait")
        compose.trust()
        yield compose
    finally:
        compose("--profile", "*", "down", "--volumes", "--timeout", "5", check=False)


def found(compose):
    status, _, body = compose.get("/search?text=time&limit=1")
    return status == 200 and json.loads(body)["results"]


def targets(compose):
    """The health of what Prometheus scrapes, by job."""
    asked = compose("exec", "-T", "prometheus", "wget", "-q", "-O", "-", "http://127.0.0.1:9090/api/v1/targets")
    return {one["labels"]["job"]: one["health"] for one in json.loads(asked)["data"]["activeTargets"]}


def test_prometheus_scrapes_every_process_within_a_minute(compose):
    compose("up", "--detach", "--wait", *WATCHERS)
    scraped = {"consumer", "flusher", "compactor", "web", "redis", "node", "prometheus", "alertmanager"}
    until(lambda: targets(compose) == dict.fromkeys(scraped, "up"), "all targets are up", 60)


SCAN = """
import socket, sys
from concurrent.futures import ThreadPoolExecutor
def is_open(address):
    with socket.socket() as tried:
        tried.settimeout(1)
        return tried.connect_ex(address) == 0
places = [(host, port) for host in sys.argv[1].split(",") for port in map(int, sys.argv[2].split(","))]
with ThreadPoolExecutor(100) as pool:
    print([place for place, found in zip(places, pool.map(is_open, places)) if found])
"""
PORTS = (80, 443, 2019, 3000, 6379, 8000, 9090, 9093, 9100, 9101, 9102, 9103, 9121)


def test_from_outside_only_caddys_two_ports_are_open(compose):
    names = [f"{compose.project}-{service}-1" for service in (*CONTAINERS, *WATCHERS)]
    template = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
    addresses = subprocess.run(
        ["docker", "inspect", "--format", template, *names], capture_output=True, text=True, check=True
    ).stdout.split()
    assert len(addresses) >= len(names)
    scan = ["docker", "run", "--rm", "--network", "bridge", compose.variables["IMAGE"], "python", "-c", SCAN]
    where = [",".join(addresses), ",".join(map(str, PORTS))]
    assert subprocess.run([*scan, *where], capture_output=True, text=True, check=True).stdout.strip() == "[]"

    published = compose("ps", "--format", "{{range .Publishers}}{{.PublishedPort}} {{end}}").split()
    assert set(map(int, published)) - {0} == {compose.http, compose.https}


def test_the_stack_answers_over_tls_comes_back_from_kills_and_loses_nothing(compose):
    until(lambda: found(compose), "a post is found", PATIENCE)
    logs = compose("logs", "--no-color").splitlines()
    loud = [line for line in logs if any(word in line.lower() for word in ("warn", "error"))]
    assert [line for line in loud if HOSTS_OWN not in line] == []

    _, headers, _ = compose.get("/")
    assert headers.get_all("Strict-Transport-Security") == ["max-age=31536000"]
    assert [compose.get(path)[0] for path in ("/metrics", "/admin/", "/grafana/", "/%6Detrics")] == [404] * 4

    for service in CONTAINERS:
        os.kill(int(compose.inspect(service, ".State.Pid")), signal.SIGKILL)
        until(lambda name=service: compose.inspect(name, ".RestartCount") == "1", f"{service} starts again", PATIENCE)
        until(
            lambda name=service: compose.inspect(name, ".State.Health.Status") == "healthy",
            f"{service} is healthy",
            PATIENCE,
        )

    until(lambda: found(compose), "a post is found", PATIENCE)
    assert compose("exec", "-T", "compactor", "python", "manage.py", "verify_lake", "--cids", "5").startswith("OK: ")
    assert json.loads(compose.get("/api/v1/coverage")[2])["gaps"] == []
