"""Measurements: the same work, in the same run, beside what a user would otherwise pick. `python -m tests.bench`."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "explorer.settings")
django.setup()
