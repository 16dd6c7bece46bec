"""`python -m tests.weeks week` or `month`; each says with --help what it takes."""

import os
import sys
from importlib import import_module

import django

RUNS = ("week", "month")

if __name__ == "__main__":
    if sys.argv[1:2] == [] or sys.argv[1] not in RUNS:
        sys.exit(f"which run? {' or '.join(RUNS)}")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "explorer.settings")
    django.setup()
    import_module(f"tests.weeks.{sys.argv[1]}").main(sys.argv[2:])
