"""make demo and make run as a person meets them: one at a time, clear refusals, a clean end."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from deploy.local import stack
from deploy.local.child import ROOT
from deploy.local.messages import farewell, welcome
from deploy.local.preparation import StackError, commands, refuse_taken_port

# The real stack, with stand-ins for the processes that take longest to start.
STAND_INS = """
import sys
from pathlib import Path
from deploy.local import environment, preparation, stack
stack.ROOT = Path(sys.argv[2])
waiting = "import time, signal; signal.signal(signal.SIGTERM, lambda *_: exit()); time.sleep(60)"
serving = "import os, socketserver as s; s.TCPServer(('127.0.0.1', int(os.environ['WEB_PORT'])), s.BaseRequestHandler)"
preparation.commands = lambda name, port: {
    "consumer": [sys.executable, "-c", waiting],
    "web": [sys.executable, "-c", f"{serving}.serve_forever()"],
}
stack.manage = preparation.manage = lambda *arguments: None
sys.exit(stack.main())
"""


def test_only_the_demo_has_a_simulator():
    assert list(commands("demo", 6008)) == [
        "simulator",
        "consumer",
        "flusher",
        "compactor",
        "handles",
        "maintenance",
        "web",
    ]
    assert list(commands("run", 6008)) == ["consumer", "flusher", "compactor", "handles", "maintenance", "web"]
    assert commands("demo", 6008)["simulator"][-1] == "6008"


def test_a_second_one_says_who_runs_and_how_to_stop_it(tmp_path):
    with stack.only_one(tmp_path), pytest.raises(StackError, match=f"kill {os.getpid()}"), stack.only_one(tmp_path):
        pass


def test_the_lock_is_free_again_after_the_end(tmp_path):
    for _ in range(2):
        with stack.only_one(tmp_path):
            assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_a_taken_web_port_is_refused_with_the_way_out():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with pytest.raises(StackError, match=rf"port {port} is in use.*WEB_PORT=8001 make demo"):
            refuse_taken_port(port, "demo")


def test_the_welcome_names_every_place_to_look():
    text = welcome(ROOT / "var" / "demo", "8000", "name: admin   password: x")
    for place in ("http://localhost:8000/", "/search?text=", "/admin/", "password: x", "var/demo/log/", "var/demo/env"):
        assert place in text


def test_make_clean_is_named_for_the_demo_only():
    assert "make clean removes it" in farewell("demo", ROOT / "var" / "demo")
    assert "rm -rf var/run removes it" in farewell("run", ROOT / "var" / "run")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_starts_tells_where_to_look_and_ends_cleanly(tmp_path, number):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = {**os.environ, "WEB_PORT": port}
    environment.pop("REDIS_URL", None)
    command = [sys.executable, "-c", STAND_INS, "demo", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as process:
        lines = iter(process.stdout.readline, "")
        assert any(f"http://localhost:{port}/admin/" in line for line in lines)
        process.send_signal(number)
        asked = time.monotonic()
        output = process.stdout.read()
    assert "Stopping, in this order: consumer, web, redis" in output
    assert "was killed" not in output
    assert process.returncode == 0
    assert time.monotonic() - asked < 10
    assert not (tmp_path / "var" / "demo" / "redis" / "redis.sock").exists()
