"""`manage.py check_health NAME`: whether one process works. manage.py runs it by itself, without Django's start."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from api.health import processes
from process import heartbeats


class Command(BaseCommand):
    help = "Says whether one process works, in a sentence: exit code 0 if it does, 1 if not. Asks no other process."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", metavar="NAME", help=f"one of {', '.join(heartbeats.COMMANDS)}")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        ok, sentence = processes.verdict(name)
        if not ok:
            raise CommandError(sentence)
        self.stdout.write(sentence)
