"""LakeError
LakeUnusable    our own state is bad: the process stops and says what to do
  Superseded    files were replaced while they were read: ask the catalog again
QueryTimeout    a query reached its time limit
QueryTooLarge   a query reached its memory limit
RequestRefused  what the admin asked for can't be done

Stopped and Interrupted are no errors: the process was asked to stop, or to do something else first.
"""

from django.core.management.base import CommandError


class LakeError(CommandError):
    """Anything that the lake refuses or can't do. A command that it leaves ends with its sentence and exit code 1."""


class LakeUnusable(LakeError):
    """A missing folder or file, a wrong checksum, a full disk. `component`: whose fault it is, lake or catalog."""

    def __init__(self, *args: object, component: str = "lake") -> None:
        super().__init__(*args)
        self.component = component


class Superseded(LakeUnusable):
    """A file was replaced while it was read. Tombstones for its rows may have been removed with it."""

    def __init__(self) -> None:
        super().__init__("Files were replaced while they were read: ask again.")


class QueryTimeout(LakeError):
    """The query reached its time limit."""


class QueryTooLarge(LakeError):
    """The query reached its memory limit."""


class RequestRefused(LakeError):
    """What was asked for in the admin can't be done, and could not be done later. The message says why."""


def catalog_advice(error: Exception) -> str:
    """What to do about what SQLite says of the catalog."""
    text = str(error)
    if "no such table" in text or "no such column" in text:
        return "run manage.py migrate, then start again"
    if "malformed" in text or "not a database" in text:
        return "restore it from a backup, or rebuild it (docs/operations.md)"
    if "unable to open" in text:
        return "mount or create its folder, and let this user write there"
    if "locked" in text:
        return "find the process that holds it (fuser), end that, then start again"
    return "mend that, then start again"


class Stopped(Exception):
    """The process was asked to stop in the middle of its work; the next start cleans up."""


class Interrupted(Exception):
    """Something else comes first. What is done is complete; the rest is due again."""
