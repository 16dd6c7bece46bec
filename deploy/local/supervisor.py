"""Keeps processes running, and stops them in order."""

import os
import time
from collections.abc import Callable, Sequence

from deploy.local.child import ROOT, Child

STOP_SECONDS = 13.0  # for all together: each needs a second or two, and has 10
LOG_LINES = 8


class GaveUpError(Exception):
    """A process can't start; further attempts would only hide why."""


class Supervisor:
    """The children come in the order in which they are to be stopped."""

    def __init__(self, children: Sequence[Child], say: Callable[[str], None]) -> None:
        self.children = children
        self._say = say

    def start(self) -> None:
        for child in self.children:
            if not child.alive:
                child.start()

    def tend(self) -> None:
        """Restarts what has ended, and rotates the logs; to be called a few times a second."""
        for child in self.children:
            child.rotate()
            if child.restart_at is None and child.exit_code is not None:
                self._plan_restart(child)
            elif child.restart_at is not None and time.monotonic() >= child.restart_at:
                child.start()
                self._say(f"{child.name} is started again.")

    def _plan_restart(self, child: Child) -> None:
        code, lines, log = child.exit_code, child.last_lines(LOG_LINES), os.path.relpath(child.log, ROOT)
        delay = child.note_death()
        if delay is None:
            last = lines[-1] if lines else f"exit code {code}"
            raise GaveUpError(f"{child.name} failed to start {child.failed_starts} times in a row: {last} (see {log})")
        end = "".join(f"\n    {line}" for line in lines)
        self._say(
            f"{child.name} ended (exit code {code}) and is started again in {delay:.0f} s. The end of {log}:{end}"
        )

    def stop(self) -> None:
        """Each ends before the next is stopped, which so receives all that it has passed on."""
        deadline = time.monotonic() + STOP_SECONDS
        for child in self.children:
            if not child.stop(max(1.0, deadline - time.monotonic())):
                self._say(f"{child.name} did not stop in time and was killed. The next start finds its work again.")
