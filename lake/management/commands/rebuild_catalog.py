"""Makes a lost catalog anew from the files."""

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.utils import DatabaseError

from lake import checks
from lake.catalog import orphans
from lake.rebuild.rebuild import Rebuilt, rebuild
from lake.storage import layout
from lake.storage.duckdb_engine import Engine
from lake.verify.repair import WRITERS
from process.instants import iso_us
from process.locks import take

MEMORY = "500MB"


class Command(BaseCommand):
    help = "Fills an empty catalog, made by manage.py migrate, from the files of the lake."
    requires_system_checks = [checks.TAG]

    def handle(self, *args: Any, **options: Any) -> None:
        with ExitStack() as locks:
            if running := [name for name in WRITERS if not take(locks, name)]:
                raise CommandError(f"{' and '.join(running)} runs: stop it, then begin again.")
            try:
                self._rebuild(settings.LAKE_ROOT)
            except DatabaseError as error:
                raise CommandError(f"The catalog can't be used ({error}): run manage.py migrate first.") from error
            except KeyboardInterrupt:
                raise CommandError("Stopped: nothing is listed yet, begin again.") from None

    def _rebuild(self, root: Path) -> None:
        scratch = root / layout.SCRATCH
        engine = Engine(MEMORY, settings.QUERY_THREADS, spill=scratch / "spill")
        try:
            rebuilt = rebuild(root, engine, scratch)
        finally:
            engine.close()
            shutil.rmtree(scratch, ignore_errors=True)
        self._print(rebuilt, orphans.held(root))

    def _print(self, rebuilt: Rebuilt, held: tuple[int, int]) -> None:
        for path, reason in rebuilt.damaged.items():
            self.stdout.write(f"{path}: {reason}; it is in .orphans, take it from a backup")
        if held[0]:
            self.stdout.write(orphans.advice(*held))
        resumes = (
            f" Without a cursor in Redis the consumer resumes at {iso_us(rebuilt.cursor.time_us)}."
            if rebuilt.cursor
            else ""
        )
        rows = sum(file.row.rows for file in rebuilt.files)
        counts = f"{len(rebuilt.files):,} files, {rows:,} rows, {rebuilt.tombstones:,} tombstones, "
        counts += f"{rebuilt.accounts:,} inactive accounts"
        if rebuilt.damaged:
            raise CommandError(f"{counts}; {len(rebuilt.damaged):,} files could not be read.{resumes}")
        self.stdout.write(f"OK: {counts}.{resumes} Next: start all, then manage.py verify_lake.")
