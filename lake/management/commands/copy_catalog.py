"""Keeps a copy of the catalog beside it, while all runs."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from lake.recovery.catalog_copies import keep_copy


class Command(BaseCommand):
    help = (
        "Copies the catalog into its own folder, as deploy/update.sh does before a migration. The last three are kept."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DATABASE_PATH.exists():
            self.stdout.write("There is no catalog yet.")
            return
        self.stdout.write(f"OK: {keep_copy(settings.DATABASE_PATH, datetime.now(UTC))}")
