"""Imports a file of labels of posts."""

import time
from argparse import ArgumentParser
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.utils import DatabaseError

from lake import checks
from lake.errors import catalog_advice
from lake.label_models import LabelImport
from lake.labels import importer, source
from lake.labels.importer import Importer
from lake.labels.waiting import Joiner
from lake.labels.writer import LOCK, LabelWriter
from lake.storage.duckdb_engine import Engine
from process.instants import iso
from process.locks import only_one
from process.progress_bar import ProgressBar
from process.records import errors_counted
from process.signals import Stop

MEMORY = "600MB"  # DuckDB's share; the process takes up to 1.5 GB for chunks of half a million labels
SHOWN = 5  # wrong rows


class Command(BaseCommand):
    help = "Imports labels of posts from a Parquet, CSV or NDJSON file; what a stopped run has done is not done again."
    requires_system_checks = [checks.TAG]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path, help=f"its columns: {', '.join(source.COLUMNS)}")
        parser.add_argument("--model", default="", help="of rows that name none")
        parser.add_argument("--version", dest="model_version", default="", help="of rows that name none")
        parser.add_argument("--again", action="store_true", help="import a finished file once more")

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        """Without Django's own --version."""
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def handle(self, *args: Any, file: Path, model: str, model_version: str, again: bool, **options: Any) -> None:
        stop = Stop().listen()
        try:
            with errors_counted("labels"), only_one(LOCK, stop), ExitStack() as closing:
                if not stop:
                    engine = Engine(MEMORY, settings.QUERY_THREADS)
                    closing.callback(engine.close)
                    self._import(file, importer.begin(file, model, model_version, again), engine, stop)
        except DatabaseError as error:
            raise CommandError(f"The catalog can't be used ({error}): {catalog_advice(error)}.") from error
        except OSError as error:
            raise CommandError(f"{file} can't be read: {error.strerror}.") from error

    def _import(self, file: Path, begun: importer.Begun, engine: Engine, stop: Stop) -> None:
        row = begun.row
        if row.finished_at:
            self.stdout.write(
                f"{file} was imported at {iso(row.finished_at, 'seconds')}: --again imports it once more."
            )
            return
        if ignored := source.unknown(source.columns(file)):
            self.stdout.write(f"Ignored columns: {', '.join(ignored)}.")
        if not begun.fresh:
            self.stdout.write(f"An earlier run has done {row.rows:,} rows: goes on with the next.")
        writer = LabelWriter(settings.LAKE_ROOT)
        writer.prepare()
        before, started = row.rows, time.monotonic()
        rejected = importer.rejected_path(file)
        self._run(Importer(engine, settings.LAKE_ROOT, writer).run(file, row, rejected, lambda: bool(stop)), file)
        Joiner(engine, settings.LAKE_ROOT).run()  # those of posts whose keys do not tell when they came
        importer.count_waiting(row)
        self._report(row, rejected, (row.rows - before) / (time.monotonic() - started))

    def _run(self, chunks: Any, file: Path) -> None:
        total, shown = file.stat().st_size, 0
        with ProgressBar("bytes") as bar:
            for done, wrong in chunks:
                bar.show(min(done, total), total)
                for number, reason in wrong[: max(0, SHOWN - shown)]:
                    self.stderr.write(f"row {number}: {reason}")
                shown += len(wrong)

    def _report(self, row: LabelImport, rejected: Path, rate: float) -> None:
        if row.wrong:
            self.stdout.write(f"{row.wrong:,} rows are no label: {rejected} lists them.")
        said = (
            f"{row.rows:,} rows: {row.joined:,} labels joined, {row.folded:,} known before, {row.waiting:,} wait for "
        )
        said += f"their posts, {row.wrong:,} wrong; {rate:,.0f} rows/s."
        self.stdout.write(said if row.finished_at else f"Stopped: the same command goes on. So far {said}")
