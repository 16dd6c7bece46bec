"""Posts over months, as compaction leaves them: `python -m tests.bench months --posts 10000000`.

Made once for each number of posts and kept in var/bench: one file an hour, listed in a catalog of their own, with their
text indexes. The same arguments make the same rows on any machine. It is made of whole rows, not of events, so nothing
but posts is there and no record hashes to its CID.
"""

import json
import shutil
import sys
import time
from argparse import ArgumentParser
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from math import cos, pi
from multiprocessing import get_context
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connections

from lake.catalog import commits
from lake.schema import DATASETS
from lake.storage import layout, parquet_writer
from lake.storage.parquet_options import COMPACTED
from lake.storage.parquet_writer import PendingFile
from tests.bench import months_index
from tests.bench.months_needles import NEEDLES, authors_every
from tests.bench.months_rows import HOUR_US, Hour, table
from tests.bench.world import FOLDER

START = datetime(2026, 6, 1, tzinfo=UTC)
PER_DAY = 3_500_000
PROCESSES = 2
VERSION = 3  # of the rows: raise it when they change, so that what is kept is made anew
STYLE = COMPACTED["posts"]._replace(level=2)  # 5 % larger than compaction leaves them, in a quarter of the time


@dataclass(frozen=True)
class Months:
    """So many posts from START on, newest last. `folder` holds `lake` and `catalog.sqlite3`."""

    posts: int
    per_day: int = PER_DAY
    seed: int = 1

    @property
    def folder(self) -> Path:
        per_day = "" if self.per_day == PER_DAY else f"-{self.per_day}-a-day"
        return FOLDER / f"months-{self.posts}{per_day}"

    @property
    def lake(self) -> Path:
        return self.folder / "lake"

    def begin(self, number: int) -> int:
        """How many posts there are before the hour of this number."""
        days, hour = divmod(number, 24)
        return days * self.per_day + int(self.per_day * _part_of_day(hour))

    def hours(self) -> list[Hour]:
        found: list[Hour] = []
        while (first := self.begin(len(found))) < self.posts:
            number, full = len(found), self.begin(len(found) + 1) - first
            count = min(full, self.posts - first)
            found.append(Hour(number, _us(number), first, count, full, authors_every(self.posts)))
        return found

    def of_author(self) -> int:
        """How many posts the author has who is looked for."""
        return -(-self.posts // authors_every(self.posts))

    def use(self) -> None:
        """Makes this the lake and the catalog of this process."""
        settings.LAKE_ROOT, settings.DATABASE_PATH = self.lake, self.folder / "catalog.sqlite3"
        connections["default"].close()
        connections.settings["default"]["NAME"] = settings.DATABASE_PATH
        connections["default"].settings_dict["NAME"] = settings.DATABASE_PATH

    def environment(self) -> dict[str, str]:
        """The same for a process of its own."""
        return {"LAKE_ROOT": str(self.lake), "DATABASE_PATH": str(self.folder / "catalog.sqlite3")}


def _part_of_day(hour: int) -> float:
    """By this hour so much of a day's posts is written: most in the evening of Europe, fewest twelve hours before."""
    return hour / 24 + 0.3 / (2 * pi) * (cos(2 * pi * 14 / 24) - cos(2 * pi * (hour - 14) / 24))


def _us(number: int) -> int:
    return int(START.timestamp()) * 1_000_000 + number * HOUR_US


def made(months: Months, index: bool = True) -> Months:
    """Makes the files, or takes those that are there, and uses them."""
    plan = asdict(months) | {"version": VERSION}
    done = months.folder / "plan.json"
    if not done.exists() or json.loads(done.read_text()) != plan:
        _make(months)
        done.write_text(json.dumps(plan))
    months.use()
    call_command("migrate", verbosity=0)
    if index:
        months_index.build_all(months.lake, START + len(months.hours()) * timedelta(hours=1), PROCESSES)
    return months


def _make(months: Months) -> None:
    shutil.rmtree(months.folder, ignore_errors=True)
    FOLDER.mkdir(parents=True, exist_ok=True)  # a fresh clone has none
    needed, free = months.posts * 400, shutil.disk_usage(FOLDER).free  # files some 220 bytes a post, indexes 120
    if free < needed * 1.1:
        sys.exit(
            f"{months.posts:,} posts need {needed / 1e9:.0f} GB in {FOLDER}, {free / 1e9:.0f} GB are free: make room."
        )
    months.lake.mkdir(parents=True)
    months.use()
    call_command("migrate", verbosity=0)
    started, count = time.monotonic(), 0
    jobs = [(str(months.lake), hour, months.seed) for hour in months.hours()]
    with ProcessPoolExecutor(PROCESSES, get_context("spawn"), months_index.gentle) as pool:
        for pending in pool.map(write_hour, jobs):
            pending.publish()
            commits.swap([], commits.NewFile(pending, 0), lambda: None)
            count += pending.rows
            _say(f"making {months.folder}: {count:,} of {months.posts:,} posts", started, count)
    print()


def _say(what: str, started: float, count: int) -> None:
    print(f"\r{what}, {count / (time.monotonic() - started):,.0f} a second", end="", flush=True)


def write_hour(job: tuple[str, Hour, int]) -> PendingFile:
    root, hour, seed = job
    moment, name = START + timedelta(hours=hour.number), layout.compacted_name(hour.start_us // 1000)
    return parquet_writer.write_parts(
        Path(root), DATASETS["posts"], moment, name, [table(hour, seed)], hour.posts, STYLE, dict
    )


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--posts", type=int, default=10_000_000)
    parser.add_argument("--per-day", type=int, default=PER_DAY)


def main(given: list[str]) -> None:
    parser = ArgumentParser("python -m tests.bench months", description=__doc__)
    arguments(parser)
    parser.add_argument("--no-index", action="store_true")
    options = parser.parse_args(given)
    months = made(Months(options.posts, options.per_day), not options.no_index)
    size = sum(path.stat().st_size for path in months.lake.rglob("*.parquet"))
    print(
        f"{months.folder}: {months.posts:,} posts, {len(months.hours())} hours, {size / months.posts:.0f} bytes a post"
    )
    for needle in NEEDLES:
        print(f"  {needle.count(months.posts):9,} posts with {needle.query} ({needle.name})")
    print(f"  {months.of_author():9,} posts of the author")
