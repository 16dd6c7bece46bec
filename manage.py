#!/usr/bin/env python
"""The operator's doorway: `manage.py help` lists the commands."""

import os
import sys
import uuid

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db.utils import DatabaseError, OperationalError


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "explorer.settings")
    try:
        settings.DEBUG  # noqa: B018 - reads the settings now, so that a wrong one is a sentence and no traceback
    except ImproperlyConfigured as error:
        sys.exit(f"Configuration: {error}")
    if sys.argv[1:2] == ["check_health"] and len(sys.argv) == 3 and not sys.argv[2].startswith("-"):
        sys.exit(check_health(sys.argv[2]))
    try:
        execute_from_command_line(sys.argv)
    except Exception as error:  # noqa: BLE001
        if type(error) in (
            OperationalError,
            DatabaseError,
        ):  # no table, locked, damaged, can't be opened: no bug of ours
            sys.exit(catalog_sentence(error))
        log_unhandled(error)
        sys.exit(1)


def catalog_sentence(error: Exception) -> str:
    from lake.errors import catalog_advice

    folder = settings.DATABASE_PATH.parent
    advice = catalog_advice(error) if folder.is_dir() else f"Mount or create {folder}"
    return f"The catalog {settings.DATABASE_PATH} can't be used ({error}): {advice}."


def log_unhandled(error: Exception) -> None:
    """A bug of ours, under an id that an error tracker has too."""
    import structlog

    structlog.get_logger("process").error("unhandled error", error_id=uuid.uuid4().hex, exc_info=error)


def check_health(name: str) -> int:
    """The command of that name, without Django's start, which takes a second of the processor: containers ask often."""
    from api.health import processes

    ok, sentence = processes.verdict(name)
    print(sentence, file=sys.stdout if ok else sys.stderr)
    return 0 if ok else 1


if __name__ == "__main__":
    main()
