"""Watches a running service for hours or days, and ends with a report: passed or failed, and why."""

import io
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db.utils import DatabaseError

from lake import checks
from lake.catalog.coverage import coverage
from lake.errors import LakeError
from lake.proof import report, verdicts
from lake.proof.journal import LAG, SAMPLE, Journal
from lake.proof.verdicts import Verdict
from lake.proof.watch import Plan, Watch
from lake.storage.duckdb_engine import Engine
from process.instants import iso, utc
from process.signals import Stop

MEMORY = "250MB"  # DuckDB's share


class Command(BaseCommand):
    help = "Watches a running service, compares it with another Jetstream host, and reports; exits 1 if it fails."
    requires_system_checks = [checks.TAG]

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("--hours", type=float, default=48.0, help="from its first start on; a restart goes on (default: 48)")
        add("--host", metavar="URL", help="to compare with; default: the first of JETSTREAM_URLS that is not in use")
        add("--every", type=float, default=1800.0, metavar="SECONDS", help="between two samples (default: 1800)")
        add("--seconds", type=float, default=120.0, help="of each sample (default: 120)")
        add("--margin", type=float, default=15.0, metavar="SECONDS", help="ignored at both ends of one (default: 15)")
        add("--cids", type=int, default=100, metavar="N", help="of verify_lake at the end (default: 100)")
        add("--folder", type=Path, help="of journal and report; default: DATABASE_PATH.proof")

    def handle(self, *args: Any, hours: float, cids: int, folder: Path | None, **options: Any) -> None:
        folder = folder or Path(f"{settings.DATABASE_PATH}.proof")
        try:
            self._prove(_plan(hours, options), cids, folder)
        except OSError as error:
            raise CommandError(
                f"{folder} can't be written: {error.strerror or error}. Make room or give another --folder; "
                "what is written there is kept, and the same command goes on."
            ) from error

    def _prove(self, plan: Plan, cids: int, folder: Path) -> None:
        journal = Journal(folder, time.time())
        stop = Stop().listen()
        if journal.resumed:
            self.stdout.write(f"goes on with the proof that began at {_iso(journal.started)}")
        self._watch(stop, plan, journal)
        ended = time.time()
        found = _judged(journal, plan.hours, plan.every, ended)
        if not stop:
            found.append(_verified(cids))
        self._report(folder, journal, ended, found)
        if not stop:
            journal.close()
        self._say_result(folder, found)

    def _watch(self, stop: Stop, plan: Plan, journal: Journal) -> None:
        engine = Engine(MEMORY, settings.QUERY_THREADS)
        try:
            Watch(plan, journal, settings.REDIS_URL, settings.LAKE_ROOT, engine).run(stop, self._say)
        finally:
            engine.close()

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def _report(self, folder: Path, journal: Journal, ended: float, found: list[Verdict]) -> None:
        samples = journal.of(SAMPLE)
        facts = {"by_dataset": verdicts.by_dataset(samples), "samples": samples}
        self.stdout.write(report.write(folder, _iso(journal.started), _iso(ended), found, facts))

    def _say_result(self, folder: Path, found: list[Verdict]) -> None:
        if failed := [verdict.what for verdict in found if not verdict.passed]:
            raise CommandError(f"FAILED: {', '.join(failed)}. {folder / 'report.txt'} has all of it.")
        self.stdout.write(f"PASSED. {folder / 'report.txt'} has all of it.")


def _plan(hours: float, options: dict[str, Any]) -> Plan:
    urls = [options["host"]] if options["host"] else settings.JETSTREAM_URLS
    every, seconds, margin = options["every"], options["seconds"], options["margin"]
    if margin * 2 >= seconds:
        raise CommandError(f"--margin {margin:g} leaves nothing of a sample of {seconds:g} s: make it smaller.")
    return Plan(urls, settings.JETSTREAM_COLLECTIONS, hours, every, seconds, margin)


def _judged(journal: Journal, hours: float, every: float, ended: float) -> list[Verdict]:
    lags, seconds = journal.of(LAG), ended - journal.started
    start, end = (utc(int(moment * 1e6)) for moment in (journal.started, ended))
    searchable = settings.FLUSH_INTERVAL_SECONDS + verdicts.FLUSH_SECONDS
    return [
        verdicts.watched([entry["at"] for entry in lags], journal.started, ended, hours),
        verdicts.gaps(coverage(start, end), seconds - searchable),
        verdicts.lag("buffered", lags, verdicts.BUFFERED_SECONDS),
        verdicts.lag("searchable", lags, searchable),
        *verdicts.samples(journal.of(SAMPLE), int(min(seconds, hours * 3600) / every)),
    ]


def _verified(cids: int) -> Verdict:
    """verify_lake, in this process."""
    said = io.StringIO()
    try:
        call_command("verify_lake", cids=cids, stdout=said)
    except (CommandError, LakeError, DatabaseError) as error:
        return Verdict("verify_lake finds nothing", False, f"{said.getvalue().strip()} {error}".strip())
    return Verdict("verify_lake finds nothing", True, (said.getvalue().strip().splitlines() or [""])[-1])


def _iso(seconds: float) -> str:
    return iso(utc(int(seconds * 1e6)), "seconds")
