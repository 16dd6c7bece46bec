"""A migrated catalog to copy, and stacks that leave nothing running."""

import os
import subprocess
import sys

import pytest

from deploy.local.child import ROOT
from deploy.local.environment import free_port
from deploy.monitor.programs import NEEDED, find
from ingest.simulator.server.jetstream import Options
from ingest.simulator.server.server import running
from process.instants import now_us
from tests.deploy.tls import make_certificate, serving
from tests.end_to_end.monitored import PORTS, Running
from tests.end_to_end.stack import Stack
from tests.end_to_end.stream import START_US, Endless

RATE = 200


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """A catalog after `migrate`, with its log written back: one file to copy."""
    path = tmp_path_factory.mktemp("template") / "catalog.sqlite3"
    environment = {**os.environ, "DJANGO_DEBUG": "true", "DATABASE_PATH": str(path)}
    subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"], check=True, env=environment
    )
    assert not path.with_name("catalog.sqlite3-wal").exists()
    return path


@pytest.fixture
def make_stack(tmp_path, template):
    """Makes a stack with a running Redis; all of it is killed at the end of the test. The Checkpoint asks for the
    beginning of the log: a consumer without one begins with the present, and what it missed is no loss."""
    stacks = []

    def make(url, start_us=START_US, **variables):
        stack = Stack(tmp_path / f"stack-{len(stacks)}", template, url, start_us, **variables)
        stacks.append(stack)
        stack.redis.start()
        return stack

    yield make
    for stack in stacks:
        stack.end()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 100 kB; and a function that makes it larger, or mounts it with other options."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if (
        os.getuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", folder], check=False).returncode
    ):
        pytest.skip("may not mount a small disk here")
    yield folder, lambda options="size=50m": subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)
    subprocess.run(["umount", folder], check=True)


@pytest.fixture
def make_running(make_stack, tmp_path, monkeypatch):
    """Starts it, with a simulator in this process, and a web site whose certificate ends in ten days."""
    if not all(map(find, NEEDED)):
        pytest.skip(f"needs {' '.join(NEEDED)}: make monitor unpacks them")
    variables = {name: str(free_port()) for name in PORTS}
    started = now_us()
    source = Endless(RATE, start_us=started)
    certificate, made = make_certificate(tmp_path / "tls.pem"), []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving(certificate) as origin, running(source, options=Options(port=0, rate=RATE)) as jetstream:

        def make(**settings):
            ours = {"FLUSH_INTERVAL_SECONDS": "5", "maxmemory": "64mb", **variables, **settings}
            stack = make_stack(jetstream.url, started, **ours)
            made.append(Running(stack, jetstream, source, variables, [origin]))
            made[-1].start()
            return made[-1]

        yield make
        for one in made:
            one.monitored.end()
