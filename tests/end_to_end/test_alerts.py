"""Faults of a real stack, and the messages about them: each comes within a minute, with its runbook, and another when
the fault is over."""

import sys
import time

import pytest

from deploy.local.child import ROOT
from deploy.local.environment import free_port
from deploy.monitor.programs import NEEDED, find
from ingest.simulator.server.jetstream import Options
from ingest.simulator.server.server import running
from tests.end_to_end.monitored import Monitored
from tests.end_to_end.stack import until
from tests.end_to_end.stream import Endless

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(map(find, NEEDED)),
        reason=f"needs {', '.join(NEEDED)}: bash deploy/monitor/packages.sh {' '.join(NEEDED)}",
    ),
]
PORTS = ("METRICS_PORT_CONSUMER", "METRICS_PORT_FLUSHER", "METRICS_PORT_COMPACTOR", "WEB_PORT")
WEB = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "deploy" / "gunicorn.conf.py")]


@pytest.fixture
def monitored(make_stack):
    """Everything of `make demo` and `make monitor`, with a simulator in this process. `.processes` by name."""
    variables = {name: str(free_port()) for name in PORTS}
    source = Endless(200)
    with running(source, options=Options(port=0, rate=200)) as jetstream:
        stack = make_stack(jetstream.url, int(time.time() * 1e6), maxmemory="64mb", **variables)
        monitored = Monitored(stack, variables)
        monitored.jetstream, monitored.source = jetstream, source
        monitored.processes = {
            "consumer": stack.consumer(),
            "flusher": stack.flusher(FLUSH_INTERVAL_SECONDS="5"),
            "compactor": stack.compactor(),
            "handles": stack.start("resolve_handles"),
            "web": stack.run(WEB, "web"),
        }
        try:
            monitored.start()
            until(
                lambda: len(monitored.query("up == 1")) == 8, f"all are scraped, not only {monitored.query('up == 1')}"
            )
            yield monitored
        finally:
            monitored.end()


def test_a_killed_redis(monitored):
    monitored.stack.redis.kill()
    monitored.must_tell("RedisDown")
    monitored.stack.redis.start()
    monitored.must_tell("RedisDown", "resolved")


def test_a_killed_consumer(monitored):
    monitored.processes["consumer"].kill_at_work()
    monitored.must_tell("ProcessDown")
    assert not monitored.webhook.told("NothingReceived", "firing"), "a victim is not told beside its cause"
    monitored.processes["consumer"].start()
    monitored.must_tell("ProcessDown", "resolved")
