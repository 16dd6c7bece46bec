"""`make load`; and `python -m tests.load --report FOLDER`, which makes the report of a finished run again. Exits 1 when
a criterion failed."""

import sys
import time
from argparse import ArgumentParser
from importlib.util import find_spec
from pathlib import Path

from deploy.local.child import ROOT
from deploy.local.preparation import StackError
from deploy.local.redis_process import RedisError
from deploy.local.supervisor import GaveUpError
from tests.load.plan import Plan
from tests.load.report.criteria import failed
from tests.load.report.pages import summary, write
from tests.load.running.campaign import Campaign
from tests.load.running.comparing import differ

RUNS = ROOT / "var" / "load"


def main() -> int:
    parser = ArgumentParser("python -m tests.load", description=__doc__)
    parser.add_argument("--users", type=int, default=Plan.users)
    parser.add_argument("--events", type=int, default=Plan.rate, help="a second")
    parser.add_argument("--minutes", type=float, default=Plan.minutes)
    parser.add_argument("--folder", type=Path, help="of the run (default: a new one in var/load)")
    parser.add_argument("--keep", action="store_true", help="keep the lake, Redis's data and the log, too")
    parser.add_argument("--report", type=Path, metavar="FOLDER", help="only make the report of this run again")
    given = parser.parse_args()
    folder = given.report or (given.folder or RUNS / time.strftime("%Y%m%d-%H%M%S")).absolute()
    if missing := [name for name in ("locust", "matplotlib") if not find_spec(name)]:
        sys.exit(f"{' and '.join(missing)} missing: make load installs requirements-load.txt")
    if not given.report:
        try:
            run(Campaign(Plan(given.users, given.events, given.minutes), folder), given.keep)
        except (StackError, GaveUpError, RedisError) as error:
            print(f"make load: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print(f"\nmake load: stopped; what there is of the run is in {folder}", file=sys.stderr)
            return 130
    broken = failed(write(folder))
    print(summary(folder))
    print(f"The report: {folder}/report.html")
    return 1 if broken else 0


def run(campaign: Campaign, keep: bool) -> None:
    """What differs from the log is kept: somebody must find out why."""
    record = campaign.run()
    if not keep and not differ(record["comparison"]):
        campaign.clean()


if __name__ == "__main__":
    sys.exit(main())
