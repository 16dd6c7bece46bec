"""Labels posts with a Python function."""

import sys
from argparse import ArgumentParser
from contextlib import ExitStack
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from lake import checks
from lake.labels.labeller import Labeller, Labelling, Progress, load
from lake.labels.writer import LOCK
from lake.query.spec import Search
from lake.scan.scanner import Scanner
from lake.scan.snapshot import pin_snapshot
from lake.scan.tombstone_cache import TombstoneCache
from lake.storage.duckdb_engine import Engine
from process.instants import parse_timestamp
from process.locks import only_one
from process.progress_bar import ProgressBar
from process.records import errors_counted
from process.signals import Stop

SECONDS = 300.0  # for each read


class Command(BaseCommand):
    help = "Labels posts with a Python function: those that lack its label, newest first. What is labelled is skipped."
    requires_system_checks = [checks.TAG]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--with", dest="function", metavar="package.module:function", required=True, help="see docs/labels.md"
        )
        parser.add_argument("--name", help="of the label; by default the module's `name`")
        parser.add_argument("--model", help="by default the module's `model`, else package.module:function")
        parser.add_argument("--version", dest="model_version", help="of the model; by default the module's `version`")
        parser.add_argument("--start", help="only posts seen from this date or time on")
        parser.add_argument("--end", help="only posts seen before this time, or up to the end of this date")
        parser.add_argument("--limit", type=int, help="stop after so many posts")

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        """Without Django's own --version."""
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def handle(self, *args: Any, function: str, limit: int | None, **options: Any) -> None:
        stop = Stop().listen()
        search = pin_snapshot(Search(start=_time(options, "start"), end=_time(options, "end", end_of_day=True)))
        labelling = _labelling(function, options)
        with errors_counted("labels"), only_one("label_posts", stop), ExitStack() as closing:
            if stop:
                return
            engine = Engine(settings.QUERY_MEMORY_LIMIT, settings.QUERY_THREADS)
            closing.callback(engine.close)
            scanner = Scanner(engine, settings.LAKE_ROOT.absolute())
            lock = partial(only_one, LOCK, Stop())  # a batch that is labelled is written
            labeller = Labeller(scanner, TombstoneCache(engine), search, labelling, lock)
            self._run(labeller, search, limit, stop)

    def _run(self, labeller: Labeller, search: Search, limit: int | None, stop: Stop) -> None:
        last, ended = Progress(0, 0, 0), True
        with ProgressBar(lambda: f"seconds of the data, {last.posts:,} posts") as bar:
            top: int | None = None
            for last in labeller.run(limit):
                top = last.position if top is None else top
                low = max(search.positions()[0], 0)
                bar.show((top - last.position) // 1_000_000, max(1, (top - low) // 1_000_000))
                if stop:
                    ended = False
                    break
        said = f"{last.posts:,} posts were read, {last.labels:,} labels written."
        self.stdout.write(f"OK: {said}" if ended else f"Stopped: the same command goes on. So far {said}")


def _labelling(path: str, options: dict[str, Any]) -> Labelling:
    function = load(path)
    module = sys.modules[path.partition(":")[0]]

    def of(option: str, attribute: str, otherwise: str) -> str:
        told = options[option]
        return str(getattr(module, attribute, otherwise)) if told is None else str(told)

    return Labelling(function, of("name", "name", ""), of("model", "model", path), of("model_version", "version", ""))


def _time(options: dict[str, Any], name: str, end_of_day: bool = False) -> Any:
    if options[name] is None:
        return None
    try:
        return parse_timestamp(options[name], end_of_day=end_of_day)
    except (ValueError, OverflowError):
        raise CommandError(f"--{name} takes a date like 2026-07-01 or a time like 2026-07-01T12:00:00Z.") from None
