"""A query of the text index: a Boolean combination of key ranges. Pure."""

from dataclasses import dataclass

from lake.textindex.ngrams import KeyRange


@dataclass(frozen=True, slots=True)
class AllKeys:
    clauses: tuple["KeyQuery", ...]


@dataclass(frozen=True, slots=True)
class AnyKey:
    clauses: tuple["KeyQuery", ...]


KeyQuery = KeyRange | AllKeys | AnyKey  # a range matches a post with any of its keys
