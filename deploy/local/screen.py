"""The terminal of the stack: messages, and below them the status line."""

import shutil
import sys
import time
from contextlib import suppress

TERMINAL_SECONDS, LOG_SECONDS = 1.0, 10.0  # between status lines: rewritten in place, or one below the other


class Screen:
    """Ignores write errors: a closed terminal must not keep the stack from stopping cleanly."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._line = ""
        self._shown = time.monotonic()  # the first line waits, too: before that nothing is known

    def say(self, message: str) -> None:
        self._print(f"{self._erase()}{message}\n{self._line}")

    @property
    def wants_line(self) -> bool:
        return time.monotonic() - self._shown >= (TERMINAL_SECONDS if self._terminal else LOG_SECONDS)

    def show_line(self, line: str) -> None:
        self._shown = time.monotonic()
        if not self._terminal:
            self._print(line + "\n")
            return
        line = line[: shutil.get_terminal_size().columns - 1]  # a wrapped line can't be erased
        self._print(self._erase() + line)
        self._line = line

    def end_line(self) -> None:
        """Leaves the last line and goes below it."""
        if self._line:
            self._print("\n")
        self._line = ""

    def _erase(self) -> str:
        return "\r\x1b[K" if self._line else ""

    def _print(self, text: str) -> None:
        with suppress(OSError):
            print(text, end="", flush=True)
