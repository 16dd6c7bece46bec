#!/usr/bin/env python
"""The operator's doorway: `manage.py help` lists the commands."""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db.utils import OperationalError


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "explorer.settings")
    try:
        settings.DEBUG  # noqa: B018 - reads the settings now, so that a wrong one is a sentence and no traceback
    except ImproperlyConfigured as error:
        sys.exit(f"Configuration: {error}")
    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:  # no such table, locked, can't be opened: never a reason for a traceback
        folder = settings.DATABASE_PATH.parent
        advice = "A new one needs: manage.py migrate" if folder.is_dir() else f"Mount or create {folder}."
        sys.exit(f"The catalog {settings.DATABASE_PATH} can't be used ({error}). {advice}")


if __name__ == "__main__":
    main()
