"""Processes are restarted, given up, stopped in order, and never left behind."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.local import child as child_module
from deploy.local.child import LONGEST_DELAY_SECONDS, MAX_FAILED_STARTS, ROOT, Child, delay_seconds
from deploy.local.supervisor import GaveUpError, Supervisor

SLOW_TO_END = """
import pathlib, signal, sys, time
def end(*_):
    time.sleep({wait})
    with pathlib.Path({file!r}).open("a") as file:
        file.write({name!r})
    sys.exit()
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
time.sleep(60)
"""
SLEEP = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
BROKEN = "print('Configuration: WEB_PORT is wrong'); exit(2)"


@pytest.fixture
def make(tmp_path):
    """Makes a child that runs a line of Python; kills all of them at the end."""
    made = []

    def make_child(code, name="consumer"):
        made.append(Child(name, [sys.executable, "-c", code], os.environ, tmp_path / "log" / f"{name}.log"))
        return made[-1]

    yield make_child
    for child in made:
        child.kill()


def wait_until(true, seconds=10):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def is_up(child):
    return child.last_lines(1) == ["up"]


def runs(pid):
    """A zombie that nobody has collected yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def test_the_wait_grows_and_then_ends():
    assert [delay_seconds(failed) for failed in range(MAX_FAILED_STARTS + 1)] == [1, 2, 4, None]


def test_the_wait_has_a_limit(monkeypatch):
    monkeypatch.setattr(child_module, "MAX_FAILED_STARTS", 100)
    assert delay_seconds(99) == LONGEST_DELAY_SECONDS


def test_a_process_that_died_is_started_again_and_its_last_lines_are_shown(make, monkeypatch):
    monkeypatch.setattr(child_module, "STARTED_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(child_module, "delay_seconds", lambda failed: 0.0)
    said = []
    child = make(SLEEP)
    supervisor = Supervisor([child], said.append)
    supervisor.start()
    wait_until(lambda: is_up(child))
    first = child.pid
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not child.alive)
    supervisor.tend()
    supervisor.tend()
    assert child.alive
    assert child.pid != first
    assert "exit code -9" in said[0]
    assert "    up" in said[0]


def test_a_process_that_cannot_start_ends_it_with_its_own_sentence(make, monkeypatch):
    monkeypatch.setattr(child_module, "delay_seconds", lambda failed: None if failed >= MAX_FAILED_STARTS else 0.0)
    child = make(BROKEN)
    supervisor = Supervisor([child], lambda _: None)
    supervisor.start()
    with pytest.raises(GaveUpError, match="consumer failed to start 3 times in a row: Configuration: WEB_PORT is"):
        wait_until(supervisor.tend)


WRITES = "import time\nfor n in range(4000): print(f'{n:099}', flush=True); time.sleep(0.0002)\nprint('up', flush=True)"


def test_a_log_that_grows_too_long_is_rotated_while_its_process_writes(make, monkeypatch):
    monkeypatch.setattr(child_module, "LOG_LIMIT_BYTES", 60_000)
    monkeypatch.setattr(child_module, "STARTED_AFTER_SECONDS", 0.0)
    child = make(WRITES)
    supervisor = Supervisor([child], lambda _: None)
    child.start()
    sizes, old = [], child.log.with_suffix(".log.1")
    while child.alive:
        child.rotate()
        sizes.append(child.log.stat().st_size)
    supervisor.tend()
    assert max(sizes) < 200_000 < 4000 * 100, "what it writes is bounded"
    assert old.exists()
    assert child.log.read_bytes()[:1].isdigit(), "no hole of zeros where the log was emptied"


def test_a_disk_without_room_for_the_old_log_ends_nothing(make, monkeypatch):
    monkeypatch.setattr(child_module, "LOG_LIMIT_BYTES", 10)
    child = make(SLEEP)
    child.log.parent.mkdir()
    child.log.write_bytes(bytes(100))
    child.log.with_suffix(".log.1").symlink_to("/dev/full")
    child.rotate()
    assert child.log.stat().st_size == 0


def test_each_has_ended_before_the_next_is_asked(make, tmp_path):
    order = tmp_path / "order"
    children = [
        make(SLOW_TO_END.format(wait=wait, file=str(order), name=name), name)
        for name, wait in (("consumer ", 0.3), ("flusher ", 0.1), ("redis", 0.0))
    ]
    supervisor = Supervisor(children, lambda _: None)
    supervisor.start()
    wait_until(lambda: all(is_up(child) for child in children))
    supervisor.stop()
    assert order.read_text() == "consumer flusher redis"


def test_who_does_not_stop_is_killed_and_named(make, monkeypatch):
    monkeypatch.setattr("deploy.local.supervisor.STOP_SECONDS", 0.0)
    said = []
    child = make(STUBBORN)
    supervisor = Supervisor([child], said.append)
    supervisor.start()
    wait_until(lambda: is_up(child))
    supervisor.stop()
    assert not child.alive
    assert "consumer did not stop in time and was killed" in said[0]


LATE = """#!/bin/sh
while kill -0 $PARENT 2>&-; do sleep 0.01; done
PATH=${PATH#*:} exec setpriv "$@"
"""


@pytest.fixture(params=["at once", "when its parent has died"])
def path(request, tmp_path):
    """PATH, on which setpriv does its work at this moment."""
    if request.param == "at once":
        return os.environ["PATH"]
    (tmp_path / "setpriv").write_text(LATE)
    (tmp_path / "setpriv").chmod(0o700)
    return f"{tmp_path}:{os.environ['PATH']}"


@pytest.mark.skipif(not shutil.which("setpriv"), reason="only the Linux kernel ends a child with its parent")
def test_a_killed_supervisor_leaves_nobody_behind(tmp_path, path):
    code = f"""
import os, sys, time
from pathlib import Path
from deploy.local.child import Child
environment = os.environ | {{"PARENT": str(os.getpid())}}
child = Child("consumer", [sys.executable, "-c", {SLEEP!r}], environment, Path({str(tmp_path / "log")!r}))
child.start()
print(child.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ | {"PATH": path}
    ) as supervisor:
        pid = int(supervisor.stdout.readline())
        assert runs(pid)
        supervisor.kill()
    wait_until(lambda: not runs(pid))


def test_a_log_that_has_grown_long_is_put_aside(make, monkeypatch):
    monkeypatch.setattr(child_module, "LOG_LIMIT_BYTES", 10)
    child = make(SLEEP)
    child.log.parent.mkdir()
    child.log.write_text("x" * 11)
    child.start()
    assert child.log.with_suffix(".log.1").read_text() == "x" * 11
