"""`python -m tests.weeks week`; each run says with --help what it takes."""

import sys
from importlib import import_module

RUNS = ("week",)

if __name__ == "__main__":
    if sys.argv[1:2] == [] or sys.argv[1] not in RUNS:
        sys.exit(f"which run? {', '.join(RUNS)}")
    import_module(f"tests.weeks.{sys.argv[1]}").main(sys.argv[2:])
