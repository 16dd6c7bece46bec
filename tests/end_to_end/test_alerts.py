"""Faults of a real stack, and the messages about them: each comes within a minute, with its runbook, and another when
the fault is over."""

import os
import random
import shutil
import signal
import sys
import time
import urllib.error
import urllib.request
from itertools import islice

import pytest

from deploy.local.child import ROOT
from deploy.local.environment import free_port
from deploy.monitor.programs import NEEDED, find
from ingest.simulator.server.jetstream import Options
from ingest.simulator.server.server import running
from ingest.simulator.world.world import World
from process.instants import now_us
from tests.deploy.tls import make_certificate, serving
from tests.end_to_end.monitored import Monitored
from tests.end_to_end.stack import until
from tests.end_to_end.stream import Endless, frames_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not all(map(find, NEEDED)), reason=f"needs {' '.join(NEEDED)}: make monitor unpacks them"),
]
PORTS = ("METRICS_PORT_CONSUMER", "METRICS_PORT_FLUSHER", "METRICS_PORT_COMPACTOR", "WEB_PORT")
WEB = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "deploy" / "gunicorn.conf.py")]
RATE = 200


class Running:
    """Everything of `make demo` and `make monitor`; `processes` by name."""

    def __init__(self, stack, jetstream, source, variables, origins):
        self.stack, self.jetstream, self.source = stack, jetstream, source
        self.web = f"http://127.0.0.1:{variables['WEB_PORT']}"
        self.monitored = Monitored(stack, variables, origins)
        self.processes = {
            "consumer": stack.consumer(),
            "flusher": stack.flusher(),
            "compactor": stack.compactor(),
            "handles": stack.start("resolve_handles"),
            "web": stack.run(WEB, "web"),
        }
        self.monitored.start()
        count = f"count(up == 1) == {8}"
        until(lambda: self.monitored.query(count), f"all are scraped, not only {self.monitored.query('up == 1')}")

    def ask(self, path):
        """The status of an answer."""
        try:
            with urllib.request.urlopen(self.web + path, timeout=30) as answer:
                answer.read()
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code


@pytest.fixture
def make_running(make_stack, tmp_path, monkeypatch):
    """Starts it, with a simulator in this process, and a web site whose certificate ends in ten days."""
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
            return made[-1]

        yield make
        for one in made:
            one.monitored.end()


def test_killed_and_stopped_processes(make_running):
    service = make_running()
    tell = service.monitored.must_tell
    tell("CertificateExpires")
    began = time.monotonic()
    for name in ("consumer", "web"):
        service.processes[name].kill_at_work()
    tell("ProcessDown", since=began, process="consumer")
    tell("ProcessDown", since=began, process="web")
    assert not service.monitored.webhook.told("NothingReceived", "firing"), "a victim is not told beside its cause"
    began = time.monotonic()
    for name in ("consumer", "web"):
        service.processes[name].start()
    tell("ProcessDown", "resolved", since=began, process="consumer")
    tell("ProcessDown", "resolved", since=began, process="web")
    began = time.monotonic()
    os.killpg(service.processes["handles"].pid, signal.SIGSTOP)
    tell("HeartbeatLate", since=began, process="handles")
    os.killpg(service.processes["handles"].pid, signal.SIGCONT)
    tell("HeartbeatLate", "resolved", process="handles")


def test_a_stopped_flusher_and_a_full_redis(make_running):
    service = make_running()
    tell = service.monitored.must_tell
    began = time.monotonic()
    os.killpg(service.processes["flusher"].pid, signal.SIGSTOP)
    tell("ProcessDown", since=began, process="flusher")
    service.jetstream.publish(*frames_of(list(islice(World(2, now_us(), 1e6, users=2_000), 110_000))))
    tell("BufferFull")
    assert not service.monitored.webhook.told("NothingReceived", "firing"), "a victim is not told beside its cause"
    os.killpg(service.processes["flusher"].pid, signal.SIGCONT)
    began = time.monotonic()
    tell("ProcessDown", "resolved", since=began, process="flusher")
    tell("BufferFull", "resolved", since=began)


def test_a_killed_redis(make_running):
    service = make_running()
    service.stack.redis.kill()
    service.monitored.must_tell("RedisDown")
    told = service.monitored.webhook.told
    assert not told("NothingReceived", "firing"), "a victim is not told beside its cause"
    service.stack.redis.start()
    service.monitored.must_tell("RedisDown", "resolved")


def test_a_disk_that_is_nearly_full(make_running, small_disk):
    disk, resize = small_disk
    resize("size=90m")
    (disk / "other").write_bytes(bytes(50_000_000))
    service = make_running(LAKE_ROOT=str(disk / "lake"))
    until(lambda: service.monitored.query("sum(api_lake_rows) > 0"), "the first batch is listed")
    resize(f"size={shutil.disk_usage(disk).used // 880}k")
    service.monitored.must_tell("DiskLow", disk="lake")
    resize("size=90m")
    service.monitored.must_tell("DiskLow", "resolved", disk="lake")


def test_answers_that_are_errors(make_running):
    service = make_running()
    posts = service.stack.root / "posts"
    until(lambda: any(posts.rglob("*.parquet")), "the first file")
    for path in posts.rglob("*.parquet"):
        kept = path.read_bytes()
        path.write_bytes(random.Random(1).randbytes(len(kept)))
    statuses = [service.ask(f"/search?text=time&limit={limit}") for limit in range(1, 20)]
    assert max(statuses) >= 500, statuses
    service.monitored.must_tell("WebErrors")
