"""Catalog against disk, both ways, and records against their CIDs."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ingest.process import running
from lake.engine import Engine
from lake.errors import LakeError
from lake.verify import Report, Verifier

MEMORY = "500MB"
WRITERS = ("flush_buffer", "compact_lake")
SHOWN_EVERY = 20  # files


class Command(BaseCommand):
    help = "Compares the catalog with the disk and names each difference; exits 1 when there is one. Repairs nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--cids", type=int, default=0, metavar="N", help="hash up to N records of each file to their CID"
        )

    def handle(self, *args: Any, cids: int, **options: Any) -> None:
        if cids < 0:
            raise CommandError(f"--cids {cids} is not allowed: it takes 0 or more.")
        engine = Engine(MEMORY, settings.QUERY_THREADS)
        verifier = Verifier(settings.LAKE_ROOT, engine, cids, lambda: any(map(running, WRITERS)))
        try:
            self._show(verifier.run())
        except LakeError as error:
            raise CommandError(str(error)) from error
        finally:
            engine.close()
        self._tell(verifier.report)

    def _show(self, progress: Iterable[tuple[int, int]]) -> None:
        """Progress, on a terminal only."""
        terminal = sys.stderr.isatty()
        for done, all_ in progress:
            if terminal and (done % SHOWN_EVERY == 0 or done == all_):
                self.stderr.write(
                    f"\r{done:,} of {all_:,} files ({done / all_:.0%})", ending="\n" if done == all_ else ""
                )
                self.stderr.flush()

    def _tell(self, report: Report) -> None:
        for finding in report.findings:
            self.stdout.write(str(finding))
        compared = f"{report.files:,} files, {report.rows:,} rows, {report.bytes:,} bytes, {report.cids:,} CIDs"
        skipped = f" ({report.no_cid:,} records that DAG-CBOR can't hold skipped)" if report.no_cid else ""
        if report.findings:
            raise CommandError(f"{len(report.findings):,} differences in {compared}{skipped}.")
        self.stdout.write(f"OK: {compared}{skipped}.")
