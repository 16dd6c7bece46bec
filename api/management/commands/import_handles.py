"""`manage.py import_handles FILE`: known handles in bulk, beside the running processes."""

import sqlite3
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from api.imports.handles import Progress, import_handles
from api.imports.table_files import UnreadableFile
from ingest.handles.store import Store
from process.instants import microseconds, now_us, parse_timestamp
from process.progress_bar import ProgressBar

LOCK_SECONDS = 30.0  # a transaction of others is over in less
LISTED = 100  # wrong rows; more are counted


class Command(BaseCommand):
    help = "Learns handles from FILE (CSV, NDJSON, Parquet: did, handle, perhaps at). What was learned later stays."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument(
            "--at", metavar="TIME", help="when the handles were known; by default when FILE was changed"
        )
        parser.add_argument("--after", metavar="ROWS", type=int, default=0, help="skip so many rows, to go on")

    def handle(self, *args: Any, file: Path, at: str | None, after: int, **options: Any) -> None:
        try:
            store = Store(settings.HANDLES_PATH, LOCK_SECONDS).create()
            self._import(import_handles(store, file, _time(file, at), after))
        except (OSError, UnreadableFile) as error:
            raise CommandError(str(error)) from error
        except sqlite3.Error as error:
            raise CommandError(f"The handles' file {settings.HANDLES_PATH} can't be written ({error}).") from error

    def _import(self, progress: Iterable[Progress]) -> None:
        last = Progress(0, 0, [], 0, 0)
        try:
            with ProgressBar(lambda: f"of the file, {last.rows:,} rows") as bar:
                for part in progress:
                    for number, sentence in enumerate(part.said, last.wrong + 1):
                        if number <= LISTED:
                            self.stderr.write(sentence)
                    last = part
                    bar.show(part.done, part.total)
        except KeyboardInterrupt:
            raise CommandError(f"Stopped: --after {last.rows} goes on from here.") from None
        more = f" ({last.wrong - LISTED:,} not listed)" if last.wrong > LISTED else ""
        self.stdout.write(f"OK: {last.rows:,} rows, {last.wrong:,} wrong ones{more}.")


def _time(file: Path, at: str | None) -> int:
    """In microseconds, at most now."""
    try:
        us = microseconds(parse_timestamp(at)) if at else file.stat().st_mtime_ns // 1000
    except (ValueError, OverflowError) as error:
        raise CommandError(f"--at {at!r} is no time: use 2026-07-01 or 2026-07-01T12:00:00Z.") from error
    return min(us, now_us())
