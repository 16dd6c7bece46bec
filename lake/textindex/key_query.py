"""A query of the text index: a Boolean combination of key ranges. Pure."""

from typing import NamedTuple

from lake.textindex.ngrams import KeyRange


class AllKeys(NamedTuple):
    clauses: tuple["KeyQuery", ...]


class AnyKey(NamedTuple):
    clauses: tuple["KeyQuery", ...]


KeyQuery = KeyRange | AllKeys | AnyKey  # a range matches a post with any of its keys
