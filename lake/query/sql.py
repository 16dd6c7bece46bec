"""The tree of a query as SQL over one dataset's columns, with bound values only. Pure.

Every piece is true or false of a row and never NULL, so that what is excluded is excluded from all rows.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from lake.query.filters import QueryError
from lake.query.rendering import render
from lake.query.text_sql import MANY, Parameters, any_term, escaped
from lake.query.tree import And, Filter, Node, Not, Or, Term, terms
from lake.schema import Dataset
from process.instants import microseconds

FEW = 50  # values that are bound one by one, so that the files' bloom filters and ranges serve; more go as a list
PATTERN_CHARACTERS = 100_000  # of the values in one regular expression: DuckDB takes some 300,000

_HAS = {
    "image": "media IS NOT NULL AND list_contains(media, 'image')",
    "video": "media IS NOT NULL AND list_contains(media, 'video')",
    "link": "links IS NOT NULL AND len(links) > 0",
    "quote": "quote_uri IS NOT NULL",
    "alt": "alt IS NOT NULL AND len(alt) > 0",
}
_IS = {
    "reply": "reply_parent_uri IS NOT NULL",
    "original": "reply_parent_uri IS NULL AND quote_uri IS NULL",
    "quote": "quote_uri IS NOT NULL",
}
# A column of lists, and the patterns around the values that make one of its lines, caseless, what the reader wants. The
# lines are its elements: a value has no line break, and an element's own becomes NUL.
_LISTS = {
    "lang": ("langs", r"(?:^|\n)(?:", r")(?:-|\n|$)"),
    "tag": ("hashtags", r"(?:^|\n)(?:", r")(?:\n|$)"),
    "domain": ("domains", r"(?:^|[\n.])(?:", r")(?:\n|$)"),
    "url": ("links", r"(?:^|\n)(?:[a-z][a-z0-9+.-]*://)?(?:", r")"),
}
_LINES = (
    "lower(coalesce(array_to_string(list_transform({column}, lambda x: replace(x, chr(10), chr(0))), chr(10)), ''))"
)


class Condition(NamedTuple):
    """SQL in parentheses, and the values of its parameters $q0, $q1, ..."""

    sql: str
    values: dict[str, Any]


def compile_query(node: Node, dataset: Dataset, clock: str = "seen") -> Condition:
    """`clock`: the column that since and until are about. The node must have passed check(), and have no handles."""
    compiler = _Compiler(dataset, clock, Parameters())
    return Condition(compiler.sql(node), compiler.bound.values)


def matched_terms(node: Node) -> Condition:
    """A VARCHAR[] over posts: those of the query's terms, as they are written, that match the row. Its parameters are
    $m0, $m1, ..., so that it may stand beside the condition."""
    bound = Parameters("m")
    cases = [f"CASE WHEN {any_term([term], bound)} THEN {bound(render(term))} END" for term in terms(node)]
    return Condition(f"list_filter([{', '.join(cases)}]::VARCHAR[], lambda x: x IS NOT NULL)", bound.values)


def check_dataset(node: Node, dataset: Dataset) -> None:
    """Raises QueryError where the dataset has not what is asked of it."""
    match node:
        case And(nodes) | Or(nodes):
            for one in nodes:
                check_dataset(one, dataset)
        case Not(one):
            check_dataset(one, dataset)
        case Term() if dataset.name != "posts":
            raise QueryError(f"is for posts: {dataset.name} have no text to search")
        case Filter("subject", values):
            for value in values:
                _check_subject(value, dataset)
        case Filter(kind) if dataset.name != "posts" and kind not in ("author", "since", "until"):
            raise QueryError(f"is for posts: {dataset.name} have no {kind}")


def _check_subject(value: str, dataset: Dataset) -> None:
    record = value.startswith("at://")
    if dataset.subject is None and dataset.name != "posts":
        raise QueryError(f"is for posts, likes, reposts, follows and blocks: {dataset.name} have no subject")
    if dataset.name == "posts" and not record:
        raise QueryError("is the AT-URI of a post that posts reply to or quote, not a DID")
    if dataset.subject == "subject" and record:
        raise QueryError(f"is a DID for {dataset.name}, not an AT-URI")


class _Compiler:
    def __init__(self, dataset: Dataset, clock: str, bound: Parameters) -> None:
        self._dataset = dataset
        self._clock = clock
        self.bound = bound

    def sql(self, node: Node) -> str:
        match node:
            case And(nodes):
                return f"({' AND '.join(map(self.sql, _excluded_at_once(nodes))) or 'true'})"
            case Or(nodes):
                some = [one for one in nodes if isinstance(one, Term)]
                found = [any_term(some, self.bound)] if some else []
                found += [self.sql(one) for one in nodes if not isinstance(one, Term)]
                return f"({' OR '.join(found) or 'false'})"
            case Not(one):
                return f"(NOT {self.sql(one)})"
            case Term():
                return any_term([node], self.bound)
            case Filter(kind, values):
                return f"({' OR '.join(f'({one})' for one in self._filter(kind, values)) or 'false'})"

    def _filter(self, kind: str, values: Sequence[str]) -> Iterator[str]:
        """SQL of which any will do."""
        match kind:
            case "author":
                yield self._among("did", values)
            case "subject":
                yield from self._subject(values)
            case "mention":
                wanted = self.bound.list(list(values))
                yield f"mentions IS NOT NULL AND len(list_filter(mentions, lambda x: list_contains({wanted}, x))) > 0"
            case "has" | "is":
                yield from ((_HAS if kind == "has" else _IS)[value] for value in values)
            case "since" | "until":
                sign = ">=" if kind == "since" else "<"
                for value in values:
                    us = self.bound.list(microseconds(datetime.fromisoformat(value)))
                    yield f"{self._clock} IS NOT NULL AND {self._clock} {sign} make_timestamp({us})"
            case "tag":
                yield from self._lines(kind, [value.lstrip("#＃") for value in values])
            case _:
                yield from self._lines(kind, values)

    def _among(self, column: str, values: Sequence[str]) -> str:
        if len(values) > FEW:
            return f"{column} IS NOT NULL AND {column} IN (SELECT unnest({self.bound.list(list(values))}::VARCHAR[]))"
        return f"{column} IS NOT NULL AND {column} IN ({', '.join(map(self.bound, values))})" if values else "false"

    def _subject(self, values: Sequence[str]) -> Iterator[str]:
        if self._dataset.name == "posts":
            for column in ("reply_parent_uri", "reply_root_uri", "quote_uri"):
                yield self._among(column, values)
            return
        column = self._dataset.subject or "NULL"
        yield self._among(column, [value for value in values if column == "subject" or value.startswith("at://")])
        accounts = [value for value in values if column != "subject" and not value.startswith("at://")]
        if len(accounts) > FEW:
            yield self._among(f"regexp_extract({column}, '^at://([^/]*)/', 1)", accounts)
        else:
            for did in accounts:
                yield f"{column} IS NOT NULL AND starts_with({column}, 'at://' || {self.bound(did)} || '/')"

    def _lines(self, kind: str, values: Sequence[str]) -> Iterator[str]:
        column, before, after = _LISTS[kind]
        lines = _LINES.format(column=column)
        for part in _portions([value for value in values if value and not set(value) & {"\n", "\0"}]):
            one = f"list_transform({self.bound.list(part)}::VARCHAR[], lambda v: {escaped('v')})"
            pattern = f"concat('{before}', array_to_string({one}, '|'), '{after}')"
            yield f"{column} IS NOT NULL AND regexp_matches({lines}, {pattern})"


def _excluded_at_once(nodes: Sequence[Node]) -> list[Node]:
    """Many excluded terms as one node."""
    terms_of = {at: one.node for at, one in enumerate(nodes) if isinstance(one, Not) and isinstance(one.node, Term)}
    if len(terms_of) < MANY:
        return list(nodes)
    return [*(one for at, one in enumerate(nodes) if at not in terms_of), Not(Or(tuple(terms_of.values())))]


def _portions(values: Sequence[str]) -> Iterator[list[str]]:
    """The values in lists of at most so many characters, of at least one value each."""
    part: list[str] = []
    room = PATTERN_CHARACTERS
    for value in values:
        if part and len(value) > room:
            yield part
            part, room = [], PATTERN_CHARACTERS
        part.append(value)
        room -= len(value)
    if part:
        yield part
