"""Conditions of the filters: SQL over a dataset's columns, with bound values only. Pure.

A condition is true or false of a row and never NULL, so that NOT selects all other rows. It reads stored columns, of
old files too: JSON in them is compact, with one way to escape, so that contains() finds what is in it. Where an index
picks the rows, only the columns that a condition names are read.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from lake.labelfilter.label_sql import has_one
from lake.labelfilter.thresholds import DEFAULT, Thresholds
from lake.labelfilter.wanted import parse_wanted
from lake.query.filter_values import has_signs
from lake.query.text_sql import Parameters, escaped
from lake.schema import Dataset
from process.instants import microseconds

FEW = 50  # values that are bound one by one, so that bloom filters and ranges prune files; more are bound as one list
PATTERN_CHARACTERS = 100_000  # of the values in one regular expression: DuckDB takes some 300,000

_SIGNS = "#＃"  # of a hashtag

# The elements of a list column as lines, in lower case. A value has no line break; an element's own becomes NUL.
_LINES = (
    "lower(coalesce(array_to_string(list_transform({column}, lambda x: replace(x, chr(10), chr(0))), chr(10)), ''))"
)


class Scope(NamedTuple):
    """What a query is compiled for. `clock`: the column of since and until. `thresholds`: of labels."""

    dataset: Dataset
    clock: str
    bound: Parameters
    thresholds: Thresholds = DEFAULT


Conditions = Callable[[Scope, Sequence[str]], Iterable[str]]  # a row passes when one of them holds


def is_in(column: str) -> Conditions:
    return lambda scope, values: [_is_in(column, values, scope.bound)]


def _is_in(column: str, values: Sequence[str], bound: Parameters) -> str:
    if len(values) > FEW:
        return f"{column} IS NOT NULL AND {column} IN (SELECT unnest({bound.list(list(values))}::VARCHAR[]))"
    return f"{column} IS NOT NULL AND {column} IN ({', '.join(map(bound, values))})" if values else "false"


def has_element(column: str) -> Conditions:
    """An element of the list column equals a value."""

    def conditions(scope: Scope, values: Sequence[str]) -> Iterator[str]:
        allowed = scope.bound.list(list(values))
        yield f"{column} IS NOT NULL AND len(list_filter({column}, lambda x: list_contains({allowed}, x))) > 0"

    return conditions


def has_line(column: str, before: str, after: str, ignore: str = "") -> Conditions:
    """An element of the list column, in any case, matches `before`, a value and `after`, which are regular expressions
    over lines. Leading characters of `ignore` do not belong to a value."""

    def conditions(scope: Scope, values: Sequence[str]) -> Iterator[str]:
        lines = _LINES.format(column=column)
        bare = [value.lstrip(ignore) for value in values]
        possible = [value for value in bare if value and not set(value) & {"\n", "\0"}]
        for pattern in _patterns(before, possible, after, scope):
            yield f"{column} IS NOT NULL AND regexp_matches({lines}, {pattern})"

    return conditions


def has_hashtag(scope: Scope, values: Sequence[str]) -> Iterator[str]:
    """Marked as one, or in the text: # and the value, with no letter or the like on either side."""
    yield from has_line("hashtags", r"(?:^|\n)(?:", r")(?:\n|$)", ignore=_SIGNS)(scope, values)
    before, after = r"(?:^|[^\p{L}\p{N}_#/&])[#＃](?:", r")(?:$|[^\p{L}\p{M}\p{N}_])"  # as in lake/flush/sql/posts.sql
    with_signs = [bare for value in values if has_signs(bare := value.lstrip(_SIGNS))]
    for pattern in _patterns(before, with_signs, after, scope):
        said = f"regexp_matches(lower(text), {pattern})"
        yield f"CASE WHEN contains(text, '#') OR contains(text, '＃') THEN {said} ELSE false END"


def has_label(scope: Scope, values: Sequence[str]) -> Iterator[str]:
    """Of the row that is called `row`, beside the label rows of its hour."""
    yield from has_one([parse_wanted(value) for value in values], scope.thresholds, scope.bound.list)


def has_self_label(scope: Scope, values: Sequence[str]) -> Iterator[str]:
    allowed = scope.bound.list([value.lower() for value in values])
    said = "json_extract_string(labels, '$.values[*].val')"
    among = f"list_filter({said}, lambda x: list_contains({allowed}, lower(x)))"
    yield f"labels IS NOT NULL AND coalesce(len({among}), 0) > 0"


def chosen(conditions: Mapping[str, str]) -> Conditions:
    """Each value names its condition."""
    return lambda _, values: [conditions[value] for value in values]


def at_time(comparison: str) -> Conditions:
    def conditions(scope: Scope, values: Sequence[str]) -> Iterator[str]:
        for value in values:
            us = scope.bound.list(microseconds(datetime.fromisoformat(value)))
            yield f"{scope.clock} IS NOT NULL AND {scope.clock} {comparison} make_timestamp({us})"

    return conditions


def has_subject(scope: Scope, values: Sequence[str]) -> Iterator[str]:
    """Of posts: what they reply to or quote. Of others: their subject, or the account whose record it is."""
    if scope.dataset.name == "posts":
        for column in ("reply_parent_uri", "reply_root_uri", "quote_uri"):
            yield _is_in(column, values, scope.bound)
        return
    column = scope.dataset.subject or "NULL"
    yield _is_in(column, [value for value in values if column == "subject" or _is_uri(value)], scope.bound)
    accounts = [value for value in values if column != "subject" and not _is_uri(value)]
    if len(accounts) > FEW:
        yield _is_in(f"regexp_extract({column}, '^at://([^/]*)/', 1)", accounts, scope.bound)
    else:
        for did in accounts:
            yield f"{column} IS NOT NULL AND starts_with({column}, 'at://' || {scope.bound(did)} || '/')"


def subject_fault(value: str, dataset: Dataset) -> str:
    """Why the dataset has no such subject, or an empty string."""
    if dataset.name == "posts" and not _is_uri(value):
        return "is the AT-URI of a post that posts reply to or quote, not a DID or handle"
    if dataset.subject == "subject" and _is_uri(value):
        return f"is a DID for {dataset.name}, or a handle, not an AT-URI"
    return ""


def _is_uri(value: str) -> bool:
    return value.startswith("at://")


def _patterns(before: str, values: Sequence[str], after: str, scope: Scope) -> Iterator[str]:
    """SQL of regular expressions over lower-case text: `before`, one of the values, `after`."""
    for part in _portions(values):
        each = f"list_transform({scope.bound.list(part)}::VARCHAR[], lambda v: {escaped('v')})"
        yield f"concat('{before}', array_to_string({each}, '|'), '{after}')"


def _portions(values: Sequence[str]) -> Iterator[list[str]]:
    """The values in order, in lists of at most PATTERN_CHARACTERS characters or of one value."""
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
