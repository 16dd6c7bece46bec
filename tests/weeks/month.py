"""A month of files with its daily passes: `python -m tests.weeks month --days 30 --per-day 50000`.

Posts are made as compaction leaves them, a file an hour (tests/bench/months.py). After each day some of them, new and
old, are deleted in the catalog; compact_lake and backup run by the clock of that day, and the same questions are asked.
"""

import os
import random
import shutil
import sys
import time
from argparse import ArgumentParser
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
from django.core.management import call_command

from ingest.simulator.world.identifiers import CLOCKS, tid
from lake.catalog import commits
from lake.models import BatchRun, DataFile, Tombstone
from process.instants import microseconds, utc
from tests.bench.commands import environment, manage, measured
from tests.bench.months import START, Months, write_hour
from tests.bench.months_authors import authors
from tests.bench.months_rows import Hour
from tests.bench.web import Web, serving
from tests.weeks import questions, report, verdicts
from tests.weeks.board import Board
from tests.weeks.days import Day, held
from tests.weeks.verdicts import Verdict

FOLDER = Path(__file__).parents[2] / "var" / "month"
RETENTION_DAYS = 21
DELETED_SHARE = 0.005  # of a day's posts; half of what is deleted is of that day
HOURS_TOUCHED = 40  # of older days, by the deletes of a day
AFTER_MIDNIGHT = timedelta(hours=7)  # the day's indexes are merged into one by then


@dataclass(frozen=True)
class Kept(Months):
    """In a folder of its own."""

    place: Path = FOLDER

    @property
    def folder(self) -> Path:
        return self.place


class Month:
    def __init__(self, folder: Path, days: int, per_day: int) -> None:
        self.posts = Kept(days * per_day, per_day, place=folder)
        self.board, self.random = Board(folder), random.Random(1)
        self.env = environment(folder) | self.board.variables() | {"RETENTION_DAYS": f"posts:{RETENTION_DAYS}"}
        self.days: list[Day] = []
        self.deleted: dict[int, int] = {}  # posts by the number of their hour

    def run(self) -> bool:
        self.posts.lake.mkdir()
        self.posts.use()
        call_command("migrate", verbosity=0)
        hours = self.posts.hours()
        with serving(self.posts) as web:
            for number in range(1, len(hours) // 24 + 1):
                self._day(number, hours[24 * (number - 1) : 24 * number], web)
            found = self._shown(hours, web)
        found += [self._verified(), *self._bounds()]
        title = f"{self.posts.posts:,} posts over {len(self.days)} days"
        facts = {"retention": f"{RETENTION_DAYS} days", "deleted a day": f"{DELETED_SHARE:.1%} of a day's posts"}
        print(report.write(self.posts.folder, title, self.days, found, facts))
        return all(verdict.passed is not False for verdict in found)

    def _day(self, number: int, hours: list[Hour], web: Web) -> None:
        began = time.monotonic()
        for hour in hours:
            pending = write_hour((str(self.posts.lake), hour, self.posts.seed))
            pending.publish()
            commits.swap([], commits.NewFile(pending, 0), lambda: None)
            _count(hour)
        now = START + timedelta(days=number) + AFTER_MIDNIGHT
        self.board.now_us = microseconds(now)
        self._delete(number)
        seconds = time.monotonic() - began
        ran = measured(self.env, "compact_lake", "--once")
        saved = measured(self.env, "backup", str(self.posts.folder / "backup"))
        posts = sum(hour.posts for hour in hours)
        latency = questions.ask(web.port, authors(self.posts.seed).dids[: questions.EACH].to_pylist())
        day = Day(
            number=number,
            events=hours[-1].first + hours[-1].posts,
            events_of_day=posts,
            hours=24 * min(number, RETENTION_DAYS + 1),
            seconds=seconds,
            megabytes={"compact_lake": ran.peak_mb, "backup": saved.peak_mb, "web": web.memory()},
            cpu={"compact_lake": ran.cpu, "backup": saved.cpu},
            compaction_seconds=ran.seconds,
            backup_seconds=saved.seconds,
            held=held(self.posts.lake, self.posts.folder / "catalog.sqlite3"),
            latency=latency,
        )
        self.days.append(day)
        print(f"day {number}: pass {ran.seconds:.1f} s, {ran.cpu:.1f} s of CPU, {day.held.files} files", flush=True)

    def _delete(self, number: int) -> None:
        """Posts of this day and of days before, as the flusher notes deletes."""
        kept = range(max(0, 24 * (number - RETENTION_DAYS)), 24 * (number - 1))
        today, older = range(24 * (number - 1), 24 * number), self.random.sample(kept, min(HOURS_TOUCHED, len(kept)))
        count = int(self.posts.per_day * DELETED_SHARE / 2)
        for hours in (today, older):
            for hour in hours:
                self._delete_of(hour, -(-count // len(hours)))

    def _delete_of(self, hour: int, count: int) -> None:
        path = DataFile.listed.get(hour=START + timedelta(hours=hour)).path
        rows = pq.read_table(self.posts.lake / path, columns=["did", "rkey", "state"], partitioning=None).to_pylist()
        chosen = self.random.sample([row for row in rows if row["state"] is None], count)
        moment = self.board.now_us
        names = {"collection": "app.bsky.feed.post", "rev": tid(moment, CLOCKS[0]), "seen": utc(moment)}
        Tombstone.objects.bulk_create(Tombstone(did=row["did"], rkey=row["rkey"], **names) for row in chosen)
        self.deleted[hour] = self.deleted.get(hour, 0) + count

    def _shown(self, hours: list[Hour], web: Web) -> list[Verdict]:
        """What a search counts is what is neither deleted nor expired."""
        first = max(0, 24 * (len(self.days) - RETENTION_DAYS) + AFTER_MIDNIGHT // timedelta(hours=1))
        expected = sum(hour.posts - self.deleted.get(hour.number, 0) for hour in hours[first:])
        found = questions.count(web.port)
        return [Verdict("what shows is what is left", found == expected, f"{expected:,} expected, {found:,} counted")]

    def _verified(self) -> Verdict:
        what = "verify_lake finds nothing"
        try:
            manage(self.env, "verify_lake")
        except SystemExit as error:
            return Verdict(what, False, str(error))
        return Verdict(what, True, "its exit code")

    def _bounds(self) -> list[Verdict]:
        memory = [verdicts.memory(self.days, name) for name in sorted(self.days[0].megabytes)]
        latency = [verdicts.latency(self.days, name) for name in sorted(self.days[0].latency)]
        bounds = [verdicts.files(self.days, datasets=1), verdicts.catalog(self.days), verdicts.tombstones(self.days)]
        return memory + bounds + latency


def _count(hour: Hour) -> None:
    """The batch that verify_lake wants for these rows."""
    start = utc(hour.start_us)
    BatchRun.objects.create(
        state=BatchRun.State.COMMITTED,
        started_at=start,
        seconds=0,
        first_seen=start,
        last_seen=start,
        events=hour.posts,
        rows={"posts": hour.posts},
        minutes={f"{start:%Y-%m-%dT%H:%M}": hour.posts},
    )


def main(given: list[str]) -> None:
    parser = ArgumentParser("python -m tests.weeks month", description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--per-day", type=int, default=50_000, help="posts")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="emptied first; keeps the lake and the report")
    options = parser.parse_args(given)
    os.environ["LD_PRELOAD"] = ""  # the compressed clock is the commands' alone
    shutil.rmtree(options.folder, ignore_errors=True)
    options.folder.mkdir(parents=True)
    passed = Month(options.folder.absolute(), options.days, options.per_day).run()
    sys.exit(0 if passed else "A verdict is FAIL.")
