"""Catalog, files, rows, deletes, indexes and batches against each other."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from lake.errors import LakeError, LakeUnusable
from lake.storage.duckdb_engine import Engine
from lake.verify import runner
from lake.verify.batches import BatchChecks
from lake.verify.deletions import DeletionChecks
from lake.verify.disk import DiskChecks
from lake.verify.duplicates import DuplicateChecks
from lake.verify.files import FileChecks
from lake.verify.journal import Journal
from lake.verify.repair import WRITERS, repair
from lake.verify.runner import Finding, Report, Stage
from lake.verify.text_index import TextIndexChecks
from process import progress_bar
from process.locks import running

MEMORY = "500MB"
NOT_REPAIRED = f"not repaired: stop {' and '.join(WRITERS)} first"


class Command(BaseCommand):
    help = "Compares catalog, files, rows, deletes, indexes and batches, and names each difference; exits 1 with any."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--cids", type=int, default=0, metavar="N", help="hash up to N records of each file to their CID"
        )
        parser.add_argument("--fix", action="store_true", help="move orphans aside and make damaged indexes anew")
        parser.add_argument("--again", action="store_true", help="verify also what a run that did not end has verified")

    def handle(self, *args: Any, cids: int, fix: bool, again: bool, **options: Any) -> None:
        if cids < 0:
            raise CommandError(f"--cids {cids} is not allowed: it takes 0 or more.")
        report = Report()
        engine = Engine(MEMORY, settings.QUERY_THREADS)
        try:
            with Journal(Path(f"{settings.DATABASE_PATH}.verified"), again) as journal:
                self._verify(stages(engine, report, cids), journal, report)
            done = self._repair(engine, report) if fix else 0
        except LakeError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped: the next run goes on where this one was.") from None
        finally:
            engine.close()
        self._tell(report, len(report.findings) - done)

    def _verify(self, all_: list[Stage], journal: Journal, report: Report) -> None:
        if times := journal.times():
            self.stdout.write(
                f"A run that did not end has verified {journal.count:,} things from {times[0]:%Y-%m-%d %H:%M} to "
                f"{times[1]:%Y-%m-%d %H:%M}: those that are still the same are skipped (--again verifies them, too)."
            )
        for stage in all_:
            progress_bar.run_with_progress(runner.run(stage, journal, report), stage.what)
        journal.end()

    def _repair(self, engine: Engine, report: Report) -> int:
        """How many findings are none any more."""
        done: dict[Finding, str] = dict(repair(settings.LAKE_ROOT, engine, report.findings))
        for finding, what in done.items():
            self.stdout.write(f"{finding.path}: {what or NOT_REPAIRED}")
        return sum(map(bool, done.values()))

    def _tell(self, report: Report, remaining: int) -> None:
        if report.unsound:
            self.stdout.write(f"{len(report.unsound):,} files can't be read whole: nothing is said of their rows.")
        for line in [*report.notes, *report.findings]:
            self.stdout.write(str(line))
        compared = f"{len(report.files):,} files, {report.rows:,} rows, {report.bytes:,} bytes, {report.cids:,} CIDs"
        skipped = f" ({report.no_cid:,} records that DAG-CBOR can't hold skipped)" if report.no_cid else ""
        if report.skipped:
            skipped += f", {report.skipped:,} things skipped"
        if remaining:
            raise CommandError(f"{remaining:,} differences in {compared}{skipped}.")
        self.stdout.write(f"OK: {compared}{skipped}.")


def stages(engine: Engine, report: Report, cids: int) -> list[Stage]:
    """Raises LakeUnusable when there is no lake at all."""
    root = settings.LAKE_ROOT
    if not root.is_dir():
        raise LakeUnusable(f"LAKE_ROOT {root} is missing: mount it or create it, then verify again.")
    parts = (
        FileChecks(root, engine, report, cids),
        DuplicateChecks(root, engine, report),
        DeletionChecks(root, engine, report),
        TextIndexChecks(root, engine, report),
        BatchChecks(report),
        DiskChecks(root, report, lambda: any(map(running, WRITERS))),
    )
    return [part.stage() for part in parts]
