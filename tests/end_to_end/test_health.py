"""Each process is killed, stopped or cut off for real: /health/ready and /health/fresh name it, and nobody else."""

import http.client
import json
import os
import signal
import sqlite3
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from deploy.local.child import ROOT
from deploy.local.environment import free_port
from tests.end_to_end.stack import Stack, until

pytestmark = pytest.mark.slow

NAMED_SECONDS = 30.0
COMPONENTS = {
    "consume_jetstream": "stream",
    "flush_buffer": "flusher",
    "compact_lake": "compactor",
    "resolve_handles": "handles",
}
PROCESSES = {"consume_jetstream": "consumer", "flush_buffer": "flusher", "compact_lake": "compactor"}


class Service:
    """All processes, as make demo starts them."""

    def __init__(self, folder: Path, template: Path) -> None:
        self.jetstream_port, self.port = free_port(), free_port()
        host = f"127.0.0.1:{self.jetstream_port}"
        self.stack = Stack(
            folder,
            template,
            f"ws://{host}/subscribe",
            APPVIEW_URL=f"http://{host}",
            WEB_PORT=str(self.port),
            GUNICORN_CMD_ARGS=f"--bind=127.0.0.1:{self.port}",
        )
        self.stack.redis.start()
        self.simulator = self.stack.start(
            "simulate_jetstream", "--port", str(self.jetstream_port), "--rate", "100", "--seed", "1"
        )
        self.simulator.await_words("listening")
        self.programs = {command: self.stack.start(command) for command in COMPONENTS}
        gunicorn = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "deploy" / "gunicorn.conf.py")]
        self.web = self.stack.run(gunicorn, "web")

    def get(self, path: str) -> tuple[int, dict]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as client:
            client.request("GET", path)
            answer = client.getresponse()
            return answer.status, json.loads(answer.read())

    def faults(self) -> dict[str, str]:
        """As /health/ready and /health/fresh have them, which must agree. Searches go on in all cases here."""
        status, ready = self.get("/health/ready")
        assert status == 200, ready
        return {name: state["message"] for name, state in ready["components"].items() if not state["ok"]}

    def await_fault(self, name: str) -> str:
        """Named in time, alone, by both."""
        until(self.faults, f"{name} is named", NAMED_SECONDS)
        found = self.faults()
        assert found.keys() == {name}
        _, fresh = self.get("/health/fresh")
        assert fresh["faults"].keys() == {name}
        assert fresh["stage"] == (None if name in ("compactor", "handles") else name)
        return found[name]

    def await_health(self) -> None:
        until(lambda: self.faults() == {} and self.get("/health/fresh")[0] == 200, "all is well", 60)


@pytest.fixture(scope="module")
def service(tmp_path_factory, template):
    service = Service(tmp_path_factory.mktemp("health") / "stack", template)
    try:
        service.web.await_words("Listening at")
        service.await_health()
        yield service
    finally:
        service.stack.end()


@pytest.fixture
def well(service):
    service.await_health()
    return service


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("command", COMPONENTS)
def test_a_process_that_was_killed_or_stopped_is_named(well, command, number):
    program = well.programs[command]
    os.kill(program.pid, number)
    said = well.await_fault(COMPONENTS[command])
    assert command in said
    if command in PROCESSES:
        checked = well.stack.start("check_health", PROCESSES[command])
        assert checked.await_end() == 1, checked.text
        assert command in checked.text
    if number == signal.SIGSTOP:
        os.kill(program.pid, signal.SIGCONT)
    else:
        program.kill()
        well.programs[command] = well.stack.start(command)
    well.await_health()


def test_a_consumer_that_stays_away_makes_the_lake_stale(well):
    program = well.programs["consume_jetstream"]
    with stopped(program.pid):
        until(lambda: well.get("/health/fresh")[0] == 503, "what is searchable is old", 100)
        assert well.get("/health/fresh")[1]["stage"] == "stream"
        assert well.get("/health/ready")[0] == 200
    well.await_health()


@contextmanager
def stopped(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_host_that_is_silent_is_named_as_the_stream(well):
    with stopped(well.simulator.pid):
        assert "no frame for" in well.await_fault("stream")
    well.await_health()


def test_a_redis_that_hangs_is_named_and_not_those_who_wait_for_it(well):
    with stopped(well.stack.redis.child.pid):
        until(lambda: "buffer" in well.faults(), "the buffer is named", NAMED_SECONDS)
        end = well.get("/health/fresh")[1]
        assert end["faults"].keys() == {"buffer"}
        until(lambda: only_the_buffer(well) and connects(well, "consumer"), "a reply is no longer awaited", 60)
        assert only_the_buffer(well)
    well.await_health()


def only_the_buffer(service):
    assert service.faults().keys() == {"buffer"}
    return True


def connects(service, name):
    return beat(service, name)["doing"] == "connects to Redis"


def beat(service, name):
    return json.loads(Path(f"{service.stack.database}.heartbeats/{name}.json").read_text())


def test_a_catalog_that_is_locked_is_named(well):
    with closing(sqlite3.connect(well.stack.database, isolation_level=None, timeout=30)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        well.await_fault("catalog")
    well.await_health()


def test_a_web_process_that_stands_still_is_told_by_its_heartbeat(well):
    worker = beat(well, "web")["pid"]
    assert check(well, "web") == 0
    with stopped(worker):
        until(lambda: check(well, "web") == 1, "the web process is named", NAMED_SECONDS)
    until(lambda: check(well, "web") == 0, "it is back", NAMED_SECONDS)


def check(service, name):
    return service.stack.start("check_health", name).await_end()
