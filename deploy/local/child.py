"""One process of the stack, with its log file: started, watched, restarted and stopped."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The kernel ends the child when its parent dies in whatever way; without setpriv only a clean stop ends it. The shell
# checks that the parent has not died before that took effect.
_DIE_WITH_PARENT = ["setpriv", "--pdeathsig", "TERM", "--", "sh", "-c", '[ "$PPID" = "$0" ] && exec "$@"']

STARTED_AFTER_SECONDS = 10.0  # a process that ends sooner has failed to start
MAX_FAILED_STARTS = 3  # in a row
LONGEST_DELAY_SECONDS = 30.0
LOG_LIMIT_BYTES = 20_000_000  # a longer log becomes <name>.log.1, in place of the one before


def delay_seconds(failed_starts: int) -> float | None:
    """Seconds before the next start, after `failed_starts` in a row; None: give up."""
    return None if failed_starts >= MAX_FAILED_STARTS else min(2.0**failed_starts, LONGEST_DELAY_SECONDS)


def _dying_with_parent(command: list[str]) -> list[str]:
    return [*_DIE_WITH_PARENT, str(os.getpid()), *command] if shutil.which("setpriv") else command


class Child:
    """Leads a process group of its own, so that a terminal's Ctrl-C reaches only the supervisor."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.command = list(command)
        self.environment = dict(environment)
        self.log = log
        self.failed_starts = 0
        self.restart_at: float | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.rotate()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                _dying_with_parent(self.command),
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.restart_at = None
        self._started = time.monotonic()

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def exit_code(self) -> int | None:
        """None while it runs, and before its first start."""
        return self._process.poll() if self._process else None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def note_death(self) -> float | None:
        """Schedules the next start and returns the delay; None after too many failed starts."""
        started = time.monotonic() - self._started > STARTED_AFTER_SECONDS
        self.failed_starts = 0 if started else self.failed_starts + 1
        delay = delay_seconds(self.failed_starts)
        self.restart_at = None if delay is None else time.monotonic() + delay
        return delay

    def stop(self, seconds: float) -> bool:
        """SIGTERM, and SIGKILL after `seconds`; False if it had to be killed."""
        if self._process is None:
            return True
        if self.alive:
            self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        return True

    def kill(self) -> None:
        """SIGKILL to the process and its descendants."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def rotate(self) -> None:
        """Copies a log that is too long, then empties it: the process goes on at its end, as it appends. What it writes
        within the microseconds between both is lost. Without room for a copy the log is emptied all the same."""
        if not self.log.exists() or self.log.stat().st_size <= LOG_LIMIT_BYTES:
            return
        old = self.log.with_suffix(".log.1")
        try:
            shutil.copyfile(self.log, old)
        except OSError:
            old.unlink(missing_ok=True)
        os.truncate(self.log, 0)

    def last_lines(self, count: int) -> list[str]:
        """The end of its log, read from the last 64 KiB only."""
        if not self.log.exists():
            return []
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 65_536))
            return [line.decode(errors="replace") for line in log.read().splitlines()[-count:]]
