"""What is asked of a text index: keys that a post must have. Pure."""

from typing import NamedTuple

from lake.textindex.ngrams import Range


class All(NamedTuple):
    of: tuple["Wanted", ...]


class Any(NamedTuple):
    of: tuple["Wanted", ...]


Wanted = Range | All | Any  # of a range: any of its keys
