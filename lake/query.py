"""What is asked: the text of a search, parsed to terms, written out again and compiled to SQL with bound values only;
and the times between which to look. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

MAX_TERMS = 50
MAX_CHARACTERS = 2000


class QueryError(ValueError):
    """What is asked can't be understood; the message says where."""


class Query(NamedTuple):
    """Words that must all occur, anywhere in the text, caseless."""

    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join(self.words)

    def condition(self) -> tuple[str, dict[str, Any]]:
        """SQL over the column `text`, and its values. contains() takes % and _ as plain characters."""
        values = {f"word_{number}": word for number, word in enumerate(self.words)}
        return " AND ".join(f"contains(lower(text), lower(${name}))" for name in values) or "true", values


def parse(text: str) -> Query:
    """Raises QueryError when there is too much of it."""
    if len(text) > MAX_CHARACTERS:
        raise QueryError(f"is {len(text)} characters long, at most {MAX_CHARACTERS} are allowed")
    words = tuple(text.split())
    if len(words) > MAX_TERMS:
        raise QueryError(f"has {len(words)} words, at most {MAX_TERMS} are allowed")
    return Query(words)


@dataclass(frozen=True)
class Search:
    """Posts that the query matches, seen in [start, end), newest first. `timeout`: seconds for the whole of a page, and
    for each query of an export."""

    query: Query
    start: datetime | None = None
    end: datetime | None = None
    offset: int = 0
    limit: int = 50
    timeout: float = 30.0
