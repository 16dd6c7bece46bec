"""Restores a backup into an empty place."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from lake.recovery.databases import resume_us
from lake.recovery.restore import restore
from process.instants import iso_us


class Command(BaseCommand):
    help = "Copies the backup in DIR to DATABASE_PATH, which must not exist, and LAKE_ROOT, which must be empty."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="DIR", type=Path, help="what `backup` made")

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        restored = restore(folder, settings.DATABASE_PATH, settings.LAKE_ROOT)
        for path in restored.damaged:
            self.stdout.write(f"{path}: is missing or damaged in the backup; take it from another backup")
        self.stdout.write(f"Restored the backup of {restored.made_at}. {what_next(resume_us(settings.DATABASE_PATH))}")
        if restored.damaged:
            raise CommandError(f"{len(restored.damaged):,} files were left out: verify_lake lists their rows.")


def what_next(resume_us: int | None) -> str:
    if resume_us is None:
        return "Next: manage.py migrate, then start all. The consumer begins with the present."
    return (
        "Next: manage.py migrate. Unless Redis is empty, `redis-cli DEL cursor` while the consumer is stopped. Then "
        f"start all: the consumer resumes at {iso_us(resume_us)}, where the backup's last commit ends. With a cursor "
        "in Redis it would resume there, and the events between the two would be missing."
    )
