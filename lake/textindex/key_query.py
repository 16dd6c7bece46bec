"""What is asked of a text index: keys that a post must have. Pure."""

from typing import NamedTuple

from lake.textindex.ngrams import KeyRange


class AllKeys(NamedTuple):
    of: tuple["KeyQuery", ...]


class AnyKey(NamedTuple):
    of: tuple["KeyQuery", ...]


KeyQuery = KeyRange | AllKeys | AnyKey  # of a range: any of its keys
