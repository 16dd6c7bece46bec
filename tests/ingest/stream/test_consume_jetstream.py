"""The command, as an operator meets it."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from deploy.local.child import ROOT
from ingest.simulator.server.server import running
from tests.ingest.conftest import until
from tests.ingest.simulator.server.wire_client import FRAMES


@contextmanager
def command(catalog, redis_url, jetstream_url):
    """A running `consume_jetstream`; killed at the end if it is still there."""
    own = {"DATABASE_PATH": str(catalog), "REDIS_URL": redis_url, "JETSTREAM_URLS": jetstream_url}
    environment = {**os.environ, **own, "DJANGO_DEBUG": "true", "METRICS_PORT_CONSUMER": "0", "LOG_FORMAT": "json"}
    line = [sys.executable, str(ROOT / "manage.py"), "consume_jetstream"]
    with subprocess.Popen(line, env=environment, stdout=-1, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_on_a_silent_socket_ends_it_cleanly(buffer, redis, redis_server, catalog, rows, number):
    with running(FRAMES) as server, command(catalog, redis_server.url, server.url) as process:
        until(lambda: redis.xlen("buffer") == len(FRAMES), "all events are there and the socket is silent")
        process.send_signal(number)
        said, _ = process.communicate(timeout=10)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert rows()[0]["why_closed"] == "stopped"


def test_an_unsafe_redis_ends_it_with_one_sentence(redis, redis_server, catalog):
    redis.config_set("maxmemory", "0")
    with command(catalog, redis_server.url, "ws://127.0.0.1:1/subscribe") as process:
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "Redis has no maxmemory: set one" in said
    assert "Traceback" not in said
