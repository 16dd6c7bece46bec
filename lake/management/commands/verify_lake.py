"""Catalog, files, rows, deletes, indexes and batches against each other."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from lake.errors import LakeUnusable
from lake.flags.store import flags
from lake.labels.checks import LabelChecks
from lake.storage.duckdb_engine import Engine
from lake.verify import runner
from lake.verify.batches import BatchChecks
from lake.verify.catalog import CatalogChecks
from lake.verify.checked_lake import CheckedLake
from lake.verify.deletions import DeletionChecks
from lake.verify.disk import DiskChecks
from lake.verify.duplicates import DuplicateChecks
from lake.verify.files import FileChecks
from lake.verify.findings import Finding, Report
from lake.verify.journal import Journal
from lake.verify.repair import WRITERS, repair
from lake.verify.runner import Checks
from lake.verify.text_index import TextIndexChecks
from process import progress_bar, records
from process.locks import running

MEMORY = "250MB"  # DuckDB's share; the process takes up to 400 MB, which the container of maintain_lake has
NOT_REPAIRED = f"not repaired: stop {' and '.join(WRITERS)} first"


class Command(BaseCommand):
    help = "Compares catalog, files, rows, deletes, indexes and batches, and names each difference; exits 1 with any."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--cids", type=int, default=0, metavar="N", help="hash up to N records of each file")
        parser.add_argument("--quick", action="store_true", help="the catalog, sizes and footers, without reading rows")
        parser.add_argument("--fix", action="store_true", help="move orphans aside and rebuild damaged indexes")
        parser.add_argument("--again", action="store_true", help="skip nothing that an unfinished run has verified")

    def handle(self, *args: Any, cids: int, quick: bool, fix: bool, again: bool, **options: Any) -> None:
        if cids < 0:
            raise CommandError(f"--cids {cids} is not allowed: it takes 0 or more.")
        if quick and cids:
            raise CommandError("--quick reads no rows, so it can't hash records: leave out --quick or --cids.")
        try:
            path = Path(f"{settings.DATABASE_PATH}.{'checked' if quick else 'verified'}")
            # The journal first: a second copy, which it refuses, is no run that failed.
            with Journal(path, again) as journal, records.job("catalog_check" if quick else "verification"):
                self._run(cids, quick, fix, journal)
        except KeyboardInterrupt:
            raise CommandError("Stopped: the next run continues from here.") from None

    def _run(self, cids: int, quick: bool, fix: bool, journal: Journal) -> None:
        report = Report()
        engine = Engine(MEMORY, settings.QUERY_THREADS)
        try:
            lake = lake_to_check(engine, report)
            self._verify(quick_checks(lake) if quick else all_checks(lake, cids), journal, report)
            repaired = self._repair(engine, report) if fix else 0
        finally:
            engine.close()
        self._print(report, len(report.findings) - repaired)

    def _verify(self, groups: list[Checks], journal: Journal, report: Report) -> None:
        if times := journal.times():
            self.stdout.write(
                f"An unfinished run has verified {journal.count:,} things from {times[0]:%Y-%m-%d %H:%M} to "
                f"{times[1]:%Y-%m-%d %H:%M}: those that have not changed are skipped (--again verifies them too)."
            )
        for checks in groups:
            progress_bar.run_with_progress(runner.run(checks, journal, report), checks.title)
        journal.end()

    def _repair(self, engine: Engine, report: Report) -> int:
        """How many findings were repaired."""
        done: dict[Finding, str] = dict(repair(settings.LAKE_ROOT, engine, report.findings))
        for finding, outcome in done.items():
            self.stdout.write(f"{finding.subject}: {outcome or NOT_REPAIRED}")
        return sum(map(bool, done.values()))

    def _print(self, report: Report, remaining: int) -> None:
        if report.damaged:
            self.stdout.write(f"{len(report.damaged):,} files are missing or damaged: their rows were not checked.")
        for line in [*report.notes, *report.findings]:
            self.stdout.write(str(line))
        compared = f"{len(report.files):,} files, {report.rows:,} rows, {report.bytes:,} bytes, {report.cids:,} CIDs"
        if report.no_cid:
            compared += f" ({report.no_cid:,} records that DAG-CBOR can't represent skipped)"
        if report.skipped:
            compared += f", {report.skipped:,} things skipped"
        if remaining:
            raise CommandError(f"{remaining:,} differences in {compared}.")
        self.stdout.write(f"OK: {compared}.")


def lake_to_check(engine: Engine, report: Report) -> CheckedLake:
    """Raises LakeUnusable when there is no lake at all."""
    root = settings.LAKE_ROOT
    if not root.is_dir():
        raise LakeUnusable(f"LAKE_ROOT {root} is missing: mount it or create it, then verify again.")
    return CheckedLake(root, engine, report)


def all_checks(lake: CheckedLake, cids: int) -> list[Checks]:
    """In the order in which they run."""
    return [
        FileChecks(lake, cids),
        DuplicateChecks(lake),
        DeletionChecks(lake, flags().purge_deleted),
        LabelChecks(lake),
        TextIndexChecks(lake),
        BatchChecks(lake),
        DiskChecks(lake, writer_runs),
    ]


def quick_checks(lake: CheckedLake) -> list[Checks]:
    return [CatalogChecks(lake), FileChecks(lake, 0, quick=True), BatchChecks(lake), DiskChecks(lake, writer_runs)]


def writer_runs() -> bool:
    return any(map(running, WRITERS))
