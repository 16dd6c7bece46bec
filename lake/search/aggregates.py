"""Counts over all hits: by time, beside all rows of that time, and the most frequent values."""

import time
from dataclasses import replace
from typing import NamedTuple

from lake.errors import QueryTooLarge
from lake.labelfilter.label_sql import models_of_row, names_of_row
from lake.query.spec import EVERYTHING, Search
from lake.query.tree import conjunction_of
from lake.scan.full_scan import FullScan

BY = ("minute", "hour", "day", "week")  # weeks begin on Monday
OF = ("all", "lang")
MOST_BUCKETS = 50_000
TOP = {  # SQL over posts: a column, or a list
    "authors": "did",
    "hashtags": "hashtags",
    "domains": "domains",
    "languages": "langs",
    "labels": names_of_row(),
    "models": models_of_row(),
}
BY_LABELS = ("labels", "models")


class TooManyBuckets(QueryTooLarge):
    """The message says what to do."""


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


def top(scan: FullScan, search: Search, what: str, size: int) -> tuple[list[tuple[str, int]], int]:
    """The values with most hits and the number of these, and how many distinct values there are."""
    column = TOP[what]
    value = column if column == "did" else f"unnest(list_distinct({column}))"
    search = replace(search, labelled=what in BY_LABELS)
    counted = {text: rows for text, rows in scan.grouped(search, value, search.timeout).items() if text is not None}
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:size], len(counted)
