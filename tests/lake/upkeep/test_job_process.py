"""A job as a process: its exit code, what it printed, and its end when it or its parent is stopped."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.local.child import ROOT
from lake.upkeep import job_process
from process.signals import Stop

ENDS = "import sys; print('first'); print('OK: all'); sys.exit(int(sys.argv[1]))"
SLEEPS = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
IS_DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"
KILLS_ITSELF = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


@pytest.fixture
def run(tmp_path):
    def run(code, *arguments, stop=None, beat=lambda: None):
        (tmp_path / "manage.py").write_text(code)
        report = tmp_path / "report.txt"
        return job_process.run(arguments, tmp_path, report, Stop() if stop is None else stop, beat), report

    return run


@pytest.mark.parametrize("code", ["0", "1"])
def test_it_has_an_exit_code_and_a_last_line(run, code):
    ended, report = run(ENDS, code)
    assert ended == int(code)
    assert report.read_text() == "first\nOK: all\n"
    assert job_process.result(ended, report) == "OK: all"


def test_a_silent_end_and_a_kill_have_a_sentence_too(run):
    assert job_process.result(*run("import sys; sys.exit(3)")) == "exit code 3"
    ended, report = run(KILLS_ITSELF)
    assert job_process.result(ended, report).startswith("ended by SIGKILL: if nobody sent it, memory was short")


def test_it_gives_way_to_others(run):
    _, report = run("import os; print(os.nice(0))")
    assert int(report.read_text()) == min(os.nice(0) + 10, 19)


@pytest.mark.parametrize("code", [SLEEPS, IS_DEAF])
def test_a_stop_ends_it_also_when_it_does_not_listen(run, tmp_path, monkeypatch, code):
    monkeypatch.setattr(job_process, "TERM_SECONDS", 0.5)
    stop, report = Stop(), tmp_path / "report.txt"
    ended, _ = run(code, stop=stop, beat=lambda: report.read_text() and stop.set())
    assert ended is None
    with pytest.raises(ProcessLookupError):
        os.kill(int(report.read_text()), 0)


def test_it_does_not_outlive_a_parent_that_is_killed(tmp_path):
    (tmp_path / "manage.py").write_text(SLEEPS)
    report = tmp_path / "report.txt"
    code = (
        "from pathlib import Path; from lake.upkeep import job_process; from process.signals import Stop; "
        f"job_process.run((), Path({str(tmp_path)!r}), Path({str(report)!r}), Stop(), lambda: None)"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "explorer.settings"}
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment) as parent:
        end = time.monotonic() + 30
        while not (report.exists() and report.read_text().strip()):
            assert time.monotonic() < end
            time.sleep(0.02)
        parent.send_signal(signal.SIGKILL)
    job = Path(f"/proc/{report.read_text().strip()}/stat")
    while job.exists() and ") Z " not in job.read_text():
        assert time.monotonic() < end
        time.sleep(0.02)
