"""A week through the real path: `python -m tests.weeks week --events 56700000 --days 7`.

A simulated Jetstream sends its events as fast as they become searchable; their times span the days, and the clock of
all processes follows them. Consumer, flusher, compactor and Redis are killed each day. After each day the daily
pass and a backup run, and the same questions are asked. At the end lake and restored backup are compared with the log.
"""

import shutil
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from ingest.simulator.world.people import Person
from tests.end_to_end.comparison import DATASETS, Comparison, Difference, by_day
from tests.end_to_end.evidence import Lake
from tests.weeks import questions, report, verdicts
from tests.weeks.days import Day, held
from tests.weeks.firehose import Plan
from tests.weeks.service import PATIENCE_SECONDS, Service, retention
from tests.weeks.verdicts import Verdict

FOLDER = Path(__file__).parents[2] / "var" / "weeks"
START_US = 1_782_864_000_000_000  # 2026-07-01T00:00:00Z
UNFLUSHED = 400_000  # events that may be under way between the firehose and the lake
TICK_SECONDS = 0.25
KILLS = (("consumer", 0.2), ("flusher", 0.4), ("redis", 0.6), ("compactor", 0.8))  # each day, after this part of it
HOUR_US = 3_600_000_000
SWEPT_US = 1_200_000_000  # more than SWEEP_GRACE_SECONDS
EXPORT_SECONDS = 600.0  # without a byte
EVENT_BYTES = 350  # of disk: the lake, its log, what is restored, what waits for the sweep
VERIFIED_CIDS = 20


class Week:
    def __init__(self, folder: Path, plan: Plan) -> None:
        self.plan, self.folder = plan, folder
        self.service = Service(folder, plan)
        self.backup, self.restored = folder / "backup", folder / "restored"
        self.days: list[Day] = []
        self.verdicts: list[Verdict] = []
        self.authors = [Person(plan.seed, number, number).did for number in range(questions.EACH)]
        self.most: dict[str, float] = {}  # MB that a process has had today
        self._began = time.monotonic()
        self.settled_us = 0  # the clock when retention was last applied

    def run(self) -> bool:
        """Whether all of it passes."""
        self.service.start()
        self._began = time.monotonic()
        for number in range(1, self.plan.days + 1):
            self._day(number)
        self._settle()
        json_bytes = self._compare()
        self.verdicts += verdicts.of_days(self.days, json_bytes)
        print(self._report())
        return all(verdict.passed is not False for verdict in self.verdicts)

    def _report(self) -> str:
        """Written after each day, so that a run that is stopped has one too."""
        title = f"{self.plan.events:,} events over {self.plan.days} days"
        return report.write(self.folder, title, self.days, self.verdicts, self._facts())

    def _facts(self) -> dict[str, Any]:
        events = self.days[-1].events
        seconds = sum(day.seconds + day.compaction_seconds + day.backup_seconds for day in self.days)
        return {
            "through the path": f"{seconds:.0f} s, {events / seconds:,.0f} events a second with passes and backups",
            "events of a day": f"{self.plan.events // self.plan.days:,}",
            "killed each day": ", ".join(name for name, _ in KILLS),
            "retention, days": retention(self.plan),
        }

    def _day(self, number: int) -> None:
        service, began = self.service, time.monotonic()
        before, last = (self.plan.events * day // self.plan.days for day in (number - 1, number))
        cpu = {name: one.cpu for name, one in service.usages().items()}
        self.most.clear()
        self._pass_events(number, before, last)
        seconds = time.monotonic() - began
        compaction, backup = service.compact(), service.command("backup", str(self.backup))
        latency = questions.ask(service.port, self.authors)
        self._sample()
        day = Day(
            number=number,
            events=last,
            events_of_day=last - before,
            hours=number * 24,
            seconds=seconds,
            megabytes=dict(self.most),
            cpu={name: one.cpu - cpu[name] for name, one in service.usages().items()},
            compaction_seconds=compaction,
            backup_seconds=backup,
            held=held(service.stack.root, service.stack.database),
            latency=latency,
        )
        self.days.append(day)
        self._report()
        self._say(f"day {number}: pass {compaction:.0f} s, backup {backup:.0f} s, {day.held.files:,} files")

    def _pass_events(self, number: int, before: int, last: int) -> None:
        """Until all events up to `last` are in the lake; kills on the way."""
        service, end, told = self.service, time.monotonic() + PATIENCE_SECONDS, 0
        kills = [(before + int((last - before) * part), name) for name, part in KILLS]
        while (flushed := service.flushed()) < last or kills:
            assert time.monotonic() < end, f"not within {PATIENCE_SECONDS:g} s: day {number}"
            service.must_run()
            service.board.allowed = min(last, flushed + UNFLUSHED)
            self._sample()
            if kills and service.board.sent >= kills[0][0]:
                service.kill(kills.pop(0)[1])
            if (quarter := 4 * (flushed - before) // (last - before)) > told:
                told = quarter
                self._say(f"day {number}, {quarter * 6:02}:00")
            time.sleep(TICK_SECONDS)

    def _sample(self) -> None:
        for name, one in self.service.usages().items():
            if name != "firehose":
                self.most[name] = max(one.megabytes, self.most.get(name, 0.0))

    def _say(self, what: str) -> None:
        flushed, seconds = self.service.flushed(), time.monotonic() - self._began
        print(f"{seconds:6.0f} s {flushed:12,} events {flushed / seconds:8,.0f}/s  {what}", flush=True)

    def _settle(self) -> None:
        """All is flushed: nothing waits for the daily pass or the sweep."""
        self.service.stop("consumer", "flusher")
        board = self.service.board
        board.now_us = next_hour(board.now_us + HOUR_US)  # the last hour is due, and none becomes due soon
        self.service.compact()
        board.now_us += SWEPT_US
        self.settled_us = board.now_us
        self.service.compact()  # sweeps what the first one has replaced
        self.service.stop("compactor", "firehose")
        self.verdicts.append(self._tidy())

    def _tidy(self) -> Verdict:
        what = "on the disk is what is listed, and nothing else"
        try:
            self.service.stack.lake.must_be_tidy()
        except AssertionError as error:
            return Verdict(what, False, str(error)[:1000])
        return Verdict(what, True, "of the listed size")

    def _compare(self) -> int:
        """Bytes of the log's JSON."""
        service = self.service
        comparison = Comparison(self.folder / "log", self.folder / "scratch", self.settled_us, retention(self.plan))
        comparison.prepare()
        self._judge("the lake holds the log's events, each once", comparison.stored(service.stack.lake))
        self._judge("what shows is the log less deletes, accounts gone and retention", self._shown(comparison))
        service.stop("web")
        code, text = service.ran("verify_lake", "--cids", str(VERIFIED_CIDS))
        self.verdicts.append(Verdict("verify_lake finds nothing", code == 0, text.strip().splitlines()[-1]))
        self._judge("the restored backup holds the same", comparison.stored(self._restore()))
        size = comparison.json_bytes()
        comparison.close()
        return size

    def _judge(self, what: str, found: Difference) -> None:
        text = f"{found.expected:,} expected, {found.missing:,} missing, {found.extra:,} extra, {found.doubled:,} twice"
        if found.changed:
            text += f", {found.changed:,} posts with another text"
        self.verdicts.append(Verdict(what, found.none, text))
        self._say(f"{what}: {text}")

    def _shown(self, comparison: Comparison) -> Difference:
        """Over HTTP, day by day: an export of each dataset."""
        found, path = Difference(), self.folder / "export.parquet"
        for day, hours in by_day(comparison.hours):
            for dataset in DATASETS:
                query = {"dataset": dataset, "start": day, "end": day, "format": "parquet", "fields": "id"}
                url = f"http://127.0.0.1:{self.service.port}/export?{urlencode(query)}"
                with urlopen(url, timeout=EXPORT_SECONDS) as body, path.open("wb") as file:
                    shutil.copyfileobj(body, file)
                found = found.plus(comparison.shown(path, dataset, hours))
        path.unlink()
        return found

    def _restore(self) -> Lake:
        """The backup of the settled lake, in another place."""
        self.service.command("backup", str(self.backup), "--check")
        lake = Lake(self.restored / "lake", self.restored / "catalog.sqlite3")
        self.restored.mkdir()
        place = {"DATABASE_PATH": str(lake.database), "LAKE_ROOT": str(lake.root)}
        self.service.command("restore", str(self.backup), **place)
        self.service.command("verify_lake", "--quick", **place)
        return lake

    def end(self, keep: bool) -> None:
        self.service.end()
        if not keep:
            for name in ("stack", "log", "backup", "restored", "scratch", "board", "clock.so", "new.sqlite3"):
                path = self.folder / name
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def next_hour(now_us: int) -> int:
    return (now_us // HOUR_US + 1) * HOUR_US


def main(given: list[str]) -> None:
    parser = ArgumentParser("python -m tests.weeks week", description=__doc__)
    parser.add_argument("--events", type=int, default=56_700_000)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for the report; emptied first")
    parser.add_argument("--keep", action="store_true", help="the lake and the log too")
    options = parser.parse_args(given)
    shutil.rmtree(options.folder, ignore_errors=True)
    options.folder.mkdir(parents=True)
    needed, free = options.events * EVENT_BYTES, shutil.disk_usage(options.folder).free
    if free < needed:
        sys.exit(f"{options.folder} has {free / 1e9:.0f} GB left, this run needs {needed / 1e9:.0f} GB: see --folder.")
    week = Week(options.folder.absolute(), Plan(options.events, options.days, START_US))
    keep = True  # what failed: somebody must find out why
    try:
        passed = week.run()
        keep = options.keep or not passed
    except KeyboardInterrupt:
        keep = options.keep
        sys.exit(f"\nStopped. {options.folder}/report.md has the days that were over.")
    finally:
        week.end(keep)
    sys.exit(0 if passed else f"A verdict is FAIL. {options.folder} has the lake and the log; a new run empties it.")
