"""Backs up catalog and lake into a folder, while all runs."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from lake.recovery.backup import Backup
from lake.recovery.transfer import Outcome
from process import progress_bar, records


class Command(BaseCommand):
    help = "Makes or updates the backup in DIR: catalog, handles and all files that the catalog lists."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="DIR", type=Path, help="empty, new, or with an earlier backup")
        parser.add_argument("--check", action="store_true", help="hash all files, those that DIR has already too")

    def handle(self, *args: Any, folder: Path, check: bool, **options: Any) -> None:
        backup = Backup(folder, settings.DATABASE_PATH, settings.LAKE_ROOT, check)
        with records.job("backup"):
            progress_bar.run_with_progress(backup.run(), "files")
        linked, copied, kept = (backup.outcomes[of] for of in (Outcome.LINKED, Outcome.COPIED, Outcome.KEPT))
        self.stdout.write(
            f"OK: {folder} is complete: {linked:,} files linked, {copied:,} copied, {kept:,} kept, "
            f"{backup.removed:,} old ones removed."
        )
