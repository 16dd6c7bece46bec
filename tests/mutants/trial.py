"""Tests in one copy of the project, and what their end says of a mutant."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Sequence, Set
from enum import StrEnum
from pathlib import Path
from typing import IO, NamedTuple
from xml.etree import ElementTree as ET

# A mutant that does not even run is no mutant.
_NOT_RUN = re.compile(r"\s*(?:ImportError|ModuleNotFoundError|SyntaxError|IndentationError|NameError)\b")


class Verdict(StrEnum):
    KILLED = "killed"  # the test failed
    SURVIVED = "survived"  # it passed
    BROKEN = "broken"  # it says nothing: not collected, skipped, not set up, out of time


class Outcome(NamedTuple):
    """`why`: the failure's or the fault's first line."""

    verdict: Verdict
    why: str
    seconds: float


class Copy(NamedTuple):
    """A copy of the project in `tree`, with a folder beside it for what a test writes."""

    tree: Path
    scratch: Path

    def run(self, tests: Sequence[str], patience: float) -> Outcome:
        """Of all these together, up to the first that fails. `patience`: seconds until they, and whatever they have
        started, are killed."""
        report, output = self.scratch / "report.xml", self.scratch / "output.txt"
        report.unlink(missing_ok=True)
        started = time.monotonic()
        with output.open("wb") as file:
            code = _ended(self._start(tests, report, file), patience)
        seconds = time.monotonic() - started
        if code is None:
            return Outcome(Verdict.BROKEN, f"not done after {patience:.0f} s", seconds)
        verdict, why = judge(code, report.read_text() if report.exists() else "", set(map(function, tests)))
        return Outcome(verdict, why or _last_line(output), seconds)

    def _start(self, tests: Sequence[str], report: Path, output: IO[bytes]) -> "subprocess.Popen[bytes]":
        options = ["-p", "no:cacheprovider", "-x", "-q", "-n", "0", "--hypothesis-seed=0", f"--junitxml={report}"]
        command = [".venv/bin/python", "-m", "pytest", *options, f"--basetemp={self.scratch / 'tmp'}", *tests]
        # Bytecode of the copy is checked by the hash of its source; none is written for a mutant.
        own = {"PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_STORAGE_DIRECTORY": str(self.scratch / "tmp" / "hypothesis")}
        return subprocess.Popen(
            command, cwd=self.tree, env=os.environ | own, stdout=output, stderr=output, start_new_session=True
        )


def _ended(process: "subprocess.Popen[bytes]", patience: float) -> int | None:
    """The exit code; None: it was killed."""
    try:
        return process.wait(patience)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            return None
        raise


def function(test: str) -> str:
    """The name of the function of a pytest node."""
    return test.rpartition("::")[2].partition("[")[0]


def judge(code: int, report: str, asked: Set[str]) -> tuple[Verdict, str]:
    """By pytest's exit code and its report in JUnit's XML. `asked`: functions, each of which must have run. Pure."""
    cases = list(ET.fromstring(report).iter("testcase")) if report else []
    failures = [failure.get("message", "") for case in cases for failure in case.iter("failure")]
    errors = [error.get("message", "") for case in cases for error in case.iter("error")]
    ran = [case for case in cases if case.find("skipped") is None and case.find("error") is None]
    skipped = asked - {function(case.get("name", "")) for case in ran}
    if code == 1 and failures and not errors:
        why = failures[0].splitlines()[0] if failures[0] else ""
        return (Verdict.BROKEN if _NOT_RUN.match(why) else Verdict.KILLED), why
    if code == 0 and not skipped:
        return Verdict.SURVIVED, "its test passes"
    if errors:
        return Verdict.BROKEN, errors[0].partition("\n")[0]
    return Verdict.BROKEN, f"skipped: {', '.join(sorted(skipped))}" if code == 0 else ""


def _last_line(output: Path) -> str:
    lines = output.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no output"
