"""Runs the real commands, each in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]

# VmHWM: ru_maxrss would be that of the parent, which a child inherits.
_MEASURED = """
import os, sys, time, django
os.environ['DJANGO_SETTINGS_MODULE'] = 'explorer.settings'
django.setup()
from django.core.management import call_command
started = time.monotonic()
call_command(*sys.argv[1:])
status = open('/proc/self/status').read().splitlines()
print(time.monotonic() - started, time.process_time(), next(line.split()[1] for line in status if 'VmHWM' in line))
"""


class Ran(NamedTuple):
    """What a command took, without its start: seconds by the clock; of CPU, with its start; MB at most."""

    seconds: float
    cpu: float
    peak_mb: float


def environment(folder: Path) -> dict[str, str]:
    return os.environ | {
        "DJANGO_DEBUG": "true",
        "DATABASE_PATH": str(folder / "catalog.sqlite3"),
        "LAKE_ROOT": str(folder / "lake"),
    }


def manage(env: dict[str, str], *command: str) -> None:
    _run(env, "manage.py", *command)


def measured(env: dict[str, str], *command: str) -> Ran:
    seconds, cpu, peak = _run(env, "-c", _MEASURED, *command).splitlines()[-1].split()
    return Ran(float(seconds), float(cpu), float(peak) / 1024)


def _run(env: dict[str, str], *arguments: str) -> str:
    result = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=env, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(arguments[-2:])} failed: {result.stderr.strip()[-2000:]}")
    return result.stdout
