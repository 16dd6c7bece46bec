"""Counts over all hits: by time, beside all rows of that time, and the most frequent values."""

import heapq
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from lake.labelfilter.label_sql import models_of_row, names_of_row
from lake.query.spec import EVERYTHING, Search
from lake.query.tree import conjunction_of
from lake.scan.full_scan import FullScan, TooManyValues
from lake.schema import Dataset

BY = ("minute", "hour", "day", "week")  # weeks begin on Monday
OF = ("all", "lang")
MOST_BUCKETS = 50_000
# What is counted and its SQL over posts; a list counts each value once a post.
TOP = {
    "authors": "did",
    "hashtags": "hashtags",
    "domains": "domains",
    "languages": "langs",
    "replied_to": "reply_parent_uri",
    "quoted": "quote_uri",
    "roots": "reply_root_uri",
    "labels": names_of_row(),
    "models": models_of_row(),
    "subjects": "",  # of likes, reposts, follows and blocks
}
BY_LABELS = ("labels", "models")


class TooManyBuckets(TooManyValues):
    """The message says what to do."""


Codes = Callable[[Iterable[str]], Sequence[str]]  # of values


class Place(NamedTuple):
    """Of a value in the order of all: the one with most hits first, then by the value."""

    less: int  # the negative number of its hits
    value: str


class TopValues(NamedTuple):
    """`values`: with their hits, in order. `next`: the last one's place if there are more. `distinct`: of all."""

    values: list[tuple[str, int]]
    distinct: int
    next: Place | None


class Bucket(NamedTuple):
    """`start_us`: its beginning. `hits`: rows that match. `all`: all rows of that time, or those in the language."""

    start_us: int
    hits: int
    all: int


def timeline(scan: FullScan, search: Search, by: str, of: str = "all") -> list[Bucket]:
    """Buckets with at least one row, oldest first; a missing one has no data: see the coverage. `of`: `all` rows, or
    `lang`: those that the search's filters of languages let through. Raises TooManyBuckets for more than MOST_BUCKETS.
    """
    deadline = time.monotonic() + search.timeout
    column = f"epoch_us(date_trunc('{by}', {search.time}))"
    whole = conjunction_of(search.query, "lang") if of == "lang" else EVERYTHING
    every = scan.grouped(replace(search, query=whole), column, search.timeout)
    if len(every) > MOST_BUCKETS:
        raise TooManyBuckets(f"gives more than {MOST_BUCKETS} times: narrow the dates, or count by more time")
    hits = every
    if search.query != whole:
        hits = scan.grouped(search, column, deadline - time.monotonic())
    return [Bucket(start, hits.get(start, 0), rows) for start, rows in sorted(every.items())]


def counted_in(dataset: Dataset) -> list[str]:
    """What can be counted in the dataset, of TOP."""
    if dataset.name == "posts":
        return [what for what in TOP if what != "subjects"]
    return ["authors", *(["subjects"] if dataset.subject else [])]


def top(
    scan: FullScan,
    search: Search,
    what: str,
    size: int,
    after: Place | None = None,
    codes: Codes | None = None,
) -> TopValues:
    """The values with most hits, or those behind a place. `codes`: places have them instead of values. Raises
    TooManyValues, and UnknownPlace."""
    value = value_sql(search.of, TOP[what] or str(search.of.subject))
    counts = scan.grouped(replace(search, labelled=what in BY_LABELS), value, search.timeout)
    counts.pop(None, None)
    if after and codes:
        after = _decoded(after, counts, codes)
    places = (Place(-rows, value) for value, rows in counts.items())
    first = heapq.nsmallest(size + 1, (place for place in places if after is None or place > after))
    more = first[size - 1] if len(first) > size else None
    if more and codes:
        more = more._replace(value=codes([more.value])[0])
    return TopValues([(place.value, -place.less) for place in first[:size]], len(counts), more)


class UnknownPlace(ValueError):
    """A code is of no value that was counted."""


def _decoded(after: Place, counts: Mapping[str, int], codes: Codes) -> Place:
    values = list(counts)
    found = dict(zip(codes(values), values, strict=True)).get(after.value)
    if found is None:
        raise UnknownPlace
    return after._replace(value=found)


def value_sql(dataset: Dataset, column: str) -> str:
    """SQL of the values to count by. `column`: one of the dataset, or SQL of a list."""
    types = {each.name: each.type for each in dataset.columns}
    return f"unnest(list_distinct({column}))" if types.get(column, "VARCHAR[]") == "VARCHAR[]" else column
