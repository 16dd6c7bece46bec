"""A job as a process of its own, so that its memory is returned when it ends, and that it gives way to searches."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from process.signals import Stop

# The disk's scheduler derives its priority from this one. The second ends the job when its parent is killed.
_HUMBLE = (("nice", "-n", "10"), ("setpriv", "--pdeathsig", "KILL", "--"))
POLL_SECONDS = 0.2
TERM_SECONDS = 6.0  # to end after SIGTERM: jobs can be killed at any moment
SHOWN_BYTES = 2000


def run(command: Sequence[str], folder: Path, report: Path, stop: Stop, beat: Callable[[], None]) -> int | None:
    """Runs a command of the manage.py in `folder`; all that it prints goes to the file `report`. Calls `beat` a few
    times a second. Its exit code, minus the signal that has ended it; None: it was stopped, as `stop` says."""
    words = [word for program in _HUMBLE if shutil.which(program[0]) for word in program]
    with report.open("wb") as output:
        process = subprocess.Popen(
            [*words, sys.executable, "manage.py", *command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},  # so that the lines are in their order, the result last
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a terminal's Ctrl-C reaches us, and we stop it
        )
    while process.poll() is None:
        beat()
        if stop.wait(POLL_SECONDS):
            _end(process)
            return None
    return process.returncode


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(TERM_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def result(code: int, report: Path) -> str:
    """In one sentence: its last line, unless a signal has ended it."""
    if code < 0:
        name = signal.Signals(-code).name
        return f"ended by {name}: if nobody sent it, memory was short; see dmesg, or the memory limit of the container"
    return last_line(report).removeprefix("CommandError: ") or f"exit code {code}"


def last_line(report: Path) -> str:
    with report.open("rb") as file:
        file.seek(max(0, report.stat().st_size - SHOWN_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    return next((line for line in reversed(lines) if line.strip()), "")
