"""LakeError
LakeUnusable    our own state is bad: the process stops and says what to do
  CatalogUnusable  the same, and the catalog is at fault
  Superseded    files were replaced while they were read: ask the catalog again
QueryTimeout    a query reached its time limit
QueryTooLarge   a query reached its memory limit

Stopped is no error: the process was asked to stop.
"""

from django.core.management.base import CommandError


class LakeError(CommandError):
    """Anything that the lake refuses or can't do. A command that it leaves ends with its sentence and exit code 1."""


class LakeUnusable(LakeError):
    """A missing folder or file, a wrong checksum, a full disk."""

    component = "lake"


class CatalogUnusable(LakeUnusable):
    """The catalog was replaced, or can't be read or written."""

    component = "catalog"


class Superseded(LakeUnusable):
    """A file was replaced while it was read. Tombstones for its rows may have been removed with it."""

    def __init__(self) -> None:
        super().__init__("Files were replaced while they were read: ask again.")


class QueryTimeout(LakeError):
    """The query reached its time limit."""


class QueryTooLarge(LakeError):
    """The query reached its memory limit."""


class Stopped(Exception):
    """The process was asked to stop in the middle of its work; the next start cleans up."""
