"""`manage.py simulate_jetstream`: a websocket server that speaks the Jetstream wire."""

import signal
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ingest.simulator.server import arguments
from ingest.simulator.server.appview import SimulatedAppView
from ingest.simulator.server.server import serve


class Command(BaseCommand):
    help = "Serve a simulated Jetstream: generated events or a recorded file, faults on request."
    requires_system_checks: list[str] = []  # needs neither database nor settings

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):  # while events are generated or read; then serve() takes over
            signal.signal(number, lambda *_: sys.exit(0))
        try:
            appview = SimulatedAppView()
            source = arguments.source(options, self.stderr.write, appview)
            serve(source, arguments.server_options(options), arguments.faults(options), self._say, appview.answer)
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}" if error.filename else str(error)) from error
        except ValueError as error:
            raise CommandError(str(error)) from error

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
