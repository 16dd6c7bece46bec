"""deploy/update.sh and rollback.sh under load: no request fails, no event is lost, and what does not work goes back."""

import http.client
import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from deploy.local.child import ROOT
from process.heartbeats import COMMANDS
from tests.end_to_end import census
from tests.end_to_end.evidence import Lake
from tests.end_to_end.stack import until
from tests.end_to_end.test_compose import Compose, found, pytestmark  # noqa: F401 - where there is no Docker

PROJECT = "explorer-updates"
MIGRATION = """from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("lake", "{latest}")]
    operations = [migrations.AddField("batchrun", "added_later", models.TextField(null=True))]
"""
# Its own network, beside other stacks. The simulator stays as it is, and writes down what it has sent.
OVERRIDE = """services:
  simulator:
    image: {project}:simulator
    command: [python, manage.py, simulate_jetstream, --host, 0.0.0.0, --port, "6008", --rate, "300", --seed, "1",
              --dump, /dump/log.ndjson]
    volumes: ["{dump}:/dump"]
networks:
  outside:
    ipam: !override
      config: [{{subnet: "fd62:7578:6c73::/64"}}]
"""
EXPORT = "/export?dataset=likes&format=ndjson"
BODY = json.dumps({"text": "time OR lake", "limit": 5}).encode()
PAUSE_SECONDS = 0.25  # between two requests of a reader: all together stay below the rate of one address


class Readers:
    """Ask on and on through Caddy; each request that fails is noted, and how long it took."""

    def __init__(self, compose):
        self._compose, self._over = compose, threading.Event()
        self.failures, self.seconds = [], {"get": [], "post": [], "export": []}
        self._pool = ThreadPoolExecutor(4)
        self._jobs = [self._pool.submit(work) for work in (self._get, self._get_anew, self._post, self._export)]

    def _connection(self):
        return http.client.HTTPSConnection("localhost", self._compose.https, context=self._compose.context, timeout=60)

    def _ask(self, connection, kind, method, path, body=None, pause=0.0):
        began = time.monotonic()
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            answer = connection.getresponse()
            first = time.monotonic() - began
            while answer.read(65_536):
                time.sleep(pause)
            self.seconds[kind].append((first, began))
            if answer.status != 200:
                self.failures.append((time.strftime("%T"), kind, answer.status))
        except Exception as error:  # noqa: BLE001 - whatever it is, the request has failed
            self.failures.append((time.strftime("%T"), kind, repr(error)))
            connection.close()

    def _ask_anew(self, *request, pause=0.0):
        while not self._over.wait(PAUSE_SECONDS):
            with closing(self._connection()) as connection:
                self._ask(connection, *request, pause=pause)

    def _get(self):
        """On one connection."""
        with closing(self._connection()) as connection:
            while not self._over.wait(PAUSE_SECONDS):
                self._ask(connection, "get", "GET", "/search?text=time&limit=3")

    def _get_anew(self):
        self._ask_anew("get", "GET", "/search?text=time+-lang:en&limit=3&total=false")

    def _post(self):
        self._ask_anew("post", "POST", "/search", BODY)

    def _export(self):
        """Read slowly, so that it lasts while its container is asked to stop."""
        self._ask_anew("export", "GET", EXPORT, pause=0.1)

    def stop(self):
        self._over.set()
        for job in self._jobs:
            job.result()

    def longest(self, since):
        return {
            kind: round(max((first for first, began in all_ if began >= since), default=0), 2)
            for kind, all_ in self.seconds.items()
        }


class Clone(Compose):
    """A clone as an operator has it, whose commits are made here."""

    def __init__(self, folder):
        super().__init__(folder, PROJECT)
        dump = folder.parent / "dump"
        dump.mkdir()
        dump.chmod(0o777)
        self.log = dump / "log.ndjson"
        override = folder.parent / "override.yml"
        override.write_text(OVERRIDE.format(project=PROJECT, dump=dump))
        files = f"compose.yml:compose.simulator.yml:{override}"
        del self.variables["IMAGE"]
        self.variables |= {"COMPOSE_PROJECT_NAME": PROJECT, "COMPOSE_FILE": files}
        self.git("init", "--quiet", "--initial-branch", "main")
        self.commits = [self.commit()]

    def __call__(self, *words, check=True):
        return self.run("docker", "compose", *words, check=check).stdout

    def run(self, *command, check=True):
        result = subprocess.run(
            command, cwd=self.folder, env=self.variables, capture_output=True, text=True, check=False
        )
        assert not check or result.returncode == 0, (result.stdout + result.stderr)[-4000:]
        return result

    def git(self, *words):
        return self.run(
            "git", "-C", "..", "-c", "user.name=test", "-c", "user.email=test@example.org", *words
        ).stdout.strip()

    def commit(self):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "a change")
        return self.git("rev-parse", "HEAD")

    def change(self, name, text):
        """A commit on the main branch, where the operator's `git pull` leads."""
        self.git("checkout", "--quiet", "main")
        (self.folder.parent / name).write_text(text)
        self.commits.append(self.commit())

    def serves(self):
        """The commits whose images the processes run."""
        names = {}
        for name in COMMANDS:
            (container,) = self("ps", "--quiet", name).split()
            names[name] = self.run("docker", "inspect", "--format", "{{.Config.Image}}", container).stdout.strip()
        return {name.rpartition(":")[2] for name in names.values()}

    def volume(self, name):
        command = ("docker", "volume", "inspect", "--format", "{{.Mountpoint}}", f"{PROJECT}_{name}")
        return Path(self.run(*command).stdout.strip())


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    clone = Clone(tmp_path_factory.mktemp("updates") / "clone")
    clone.run("docker", "build", "--quiet", "--file", "Dockerfile", "--tag", f"{PROJECT}:simulator", "..")
    try:
        yield clone
    finally:
        clone("down", "--volumes", "--timeout", "5", check=False)
        images = clone.run("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", PROJECT).stdout.split()
        clone.run("docker", "image", "rm", *images, check=False)


def timed(clone, readers, *command, check=True):
    began = time.monotonic()
    result = clone.run(*command, check=check)
    seconds = time.monotonic() - began
    longest = readers.longest(began)
    print(
        f"{result.stdout}{result.stderr[-800:]}{seconds:.0f} s, longest wait for an answer {longest}", file=sys.stderr
    )
    assert readers.failures == []
    return result


def log_and_lake(clone):
    """Hashes of what the simulator has sent since the consumer came, and of what is in the lake."""
    clone("stop", "consumer")
    clone("exec", "-T", "flusher", "python", "manage.py", "flush_buffer", "--once")
    clone("stop", "simulator", "flusher", "compactor")
    lake = Lake(clone.volume("lake") / "explorer", clone.volume("catalog") / "catalog.sqlite3")
    held = census.lake_hashes(lake)
    sent = np.array([census.frame_hash(line) for line in clone.log.read_bytes().splitlines()], dtype=np.uint64)
    places = np.flatnonzero(np.isin(sent, held))
    return sent[places[0] : places[-1] + 1], held


def test_updates_and_rollbacks_under_load_fail_no_request_and_lose_no_event(clone):
    clone.run("bash", "update.sh")
    clone.trust()
    until(lambda: found(clone), "a post is found", 90)
    assert clone.serves() == {clone.commits[0]}
    readers = Readers(clone)
    try:
        latest = max((ROOT / "lake/migrations").glob("0*.py")).stem
        clone.change("lake/migrations/0999_later.py", MIGRATION.format(latest=latest))
        timed(clone, readers, "bash", "update.sh")
        assert clone.serves() == {clone.commits[1]}
        assert len(list(clone.volume("catalog").glob("catalog.sqlite3.copy-*"))) == 1

        timed(clone, readers, "bash", "rollback.sh")
        assert clone.serves() == {clone.commits[0]}

        for program, broken in (("web", "explorer/wsgi.py"), ("flusher", "lake/management/commands/flush_buffer.py")):
            clone.change(broken, "raise SystemExit('broken')\n")
            result = timed(clone, readers, "bash", "update.sh", check=False)
            assert result.returncode == 1
            assert f"FAILED: {program}\n" in result.stdout
            assert "broken" in result.stderr, "the log of what has failed"
            assert f"{clone.commits[0]} serves again" in result.stderr
            assert clone.serves() == {clone.commits[0]}
            clone.change(broken, (ROOT / broken).read_text())
    finally:
        readers.stop()
    assert readers.failures == []
    assert min(map(len, readers.seconds.values())) > 5
    census.must_be_equal(*log_and_lake(clone))
