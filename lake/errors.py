"""LakeError
LakeUnusable    our own state is bad: the process stops and says what to do
QueryTimeout    a query reached its time limit
QueryTooLarge   a query reached its memory limit
"""


class LakeError(Exception):
    """Anything that the lake refuses or can't do."""


class LakeUnusable(LakeError):
    """A missing folder or file, a wrong checksum, a full disk."""


class QueryTimeout(LakeError):
    """The query reached its time limit."""


class QueryTooLarge(LakeError):
    """The query reached its memory limit."""
