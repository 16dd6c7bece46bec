"""LakeError
LakeUnusable    our own state is bad: the process stops and says what to do
QueryTimeout    a query reached its time limit
QueryTooLarge   a query reached its memory limit

Stopped is no error: whoever is asked to stop in the midst of work leaves it so.
"""


class LakeError(Exception):
    """Anything that the lake refuses or can't do."""


class LakeUnusable(LakeError):
    """A missing folder or file, a wrong checksum, a full disk."""


class QueryTimeout(LakeError):
    """The query reached its time limit."""


class QueryTooLarge(LakeError):
    """The query reached its memory limit."""


class Stopped(Exception):
    """A stop was asked for in the midst of work: what is half done is left to the next start."""
