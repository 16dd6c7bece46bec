"""`make mutants`: all of them, or those that ONLY names. Exits 1 unless each is killed."""

import os
import signal
import sys
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tests.mutants.campaign import Campaign
from tests.mutants.catalogue import MUTANTS, SECTIONS
from tests.mutants.mutant import Mutant
from tests.mutants.page import page, table
from tests.mutants.trial import Verdict

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "mutants.md"


def chosen(only: str) -> list[Mutant]:
    """`only`: names, separated by commas; empty for all. Raises SystemExit for a name that is none."""
    names = [name for name in only.split(",") if name]
    if unknown := set(names) - {mutant.name for mutant in MUTANTS}:
        sys.exit(f"make mutants: there is no {', '.join(sorted(unknown))} in tests/mutants/tables/")
    return [mutant for mutant in MUTANTS if not names or mutant.name in names]


def main() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the tests that run end first, and the copies go
    started, mutants = time.monotonic(), chosen(os.environ.get("ONLY", ""))
    tried = Campaign(ROOT, int(os.environ.get("JOBS", "2")), partial(print, flush=True)).run(mutants)
    minutes = (time.monotonic() - started) / 60
    print(f"\n{table(tried)}\n")
    if len(mutants) == len(MUTANTS):
        PAGE.write_text(page(SECTIONS, tried, datetime.now(UTC).date(), minutes))
    left = [one for one in tried if one.outcome.verdict is not Verdict.KILLED]
    for mutant, outcome in left:
        print(f"{outcome.verdict}: {mutant.name}: {outcome.why}")
    print(f"{len(tried) - len(left)} of {len(tried)} killed in {minutes:.1f} minutes.")
    sys.exit(bool(left))


if __name__ == "__main__":
    main()
