"""Locks between processes, held by a real second one."""

import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
from structlog.testing import capture_logs

from deploy.local.child import ROOT
from process.locks import Locked, exclusive, lock_path, only_one, running
from process.signals import Stop

HOLDER = """
import sys
from pathlib import Path
from process.locks import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path, settings):
    settings.DATABASE_PATH = tmp_path / "catalog.sqlite3"
    return lock_path("work")


@contextmanager
def other(path):
    """Another process that holds the lock."""
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"held\n"
            yield process
        finally:
            process.kill()


def test_a_lock_that_is_held_raises_and_is_free_after_its_holder_was_killed(path):
    with other(path) as process:
        with pytest.raises(Locked, match=r"catalog\.sqlite3\.work\.lock"), exclusive(path):
            pass
        with pytest.raises(ZeroDivisionError), exclusive(path, ZeroDivisionError("mine")):
            pass
        assert running("work")
        process.kill()
        process.wait()
        assert not running("work")
        with exclusive(path):
            assert running("work"), "another file descriptor of this process finds it held, too"
    assert not running("work")


def test_the_file_keeps_what_it_holds_and_can_be_locked_read_only(path):
    path.write_text("as it was")
    path.chmod(0o400)
    with exclusive(path, mode="r") as file:
        assert file.read() == "as it was"
        with pytest.raises(Locked), exclusive(path, mode="r"):
            pass


def test_a_second_copy_waits_for_the_first_and_logs_it_once(path):
    entered = threading.Event()

    def second():
        with only_one("work", Stop()):
            entered.set()

    waiting = threading.Thread(target=second)
    with capture_logs() as logs, other(path) as process:
        waiting.start()
        assert not entered.wait(0.7), "three attempts"
        process.kill()
        assert entered.wait(10)
    waiting.join()
    assert [entry["event"] for entry in logs] == ["another copy runs: waiting until it ends"]


def test_a_stop_ends_the_wait_without_the_lock(path):
    stop = Stop()
    with other(path):
        threading.Timer(0.1, stop.set).start()
        with only_one("work", stop):
            assert stop
            assert running("work"), "by the other one"
