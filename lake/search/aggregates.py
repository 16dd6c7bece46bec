"""Counts over all hits: by time, beside all rows of that time, and the most frequent values."""

import time
from dataclasses import replace
from typing import NamedTuple

from lake.errors import QueryTooLarge
from lake.query.spec import EVERYTHING, Search
from lake.scan.full_scan import FullScan

BY = ("minute", "hour", "day", "week")  # weeks begin on Monday
MOST_BUCKETS = 50_000
TOP = {"authors": "did", "hashtags": "hashtags", "domains": "domains", "languages": "langs"}  # columns of posts


class TooManyBuckets(QueryTooLarge):
    """The message says what to do."""


class Bucket(NamedTuple):
    """`start_us`: its beginning. `hits`: rows that match. `all`: all rows of that time."""

    start_us: int
    hits: int
    all: int


def timeline(scan: FullScan, search: Search, by: str) -> list[Bucket]:
    """Buckets with at least one row, oldest first; a missing one has no data: see the coverage. Raises TooManyBuckets
    for more than MOST_BUCKETS."""
    deadline = time.monotonic() + search.timeout
    column = f"epoch_us(date_trunc('{by}', {search.time}))"
    every = scan.grouped(replace(search, query=EVERYTHING), column, search.timeout)
    if len(every) > MOST_BUCKETS:
        raise TooManyBuckets(f"gives more than {MOST_BUCKETS} times: narrow the dates, or count by more time")
    hits = every
    if search.query != EVERYTHING:
        hits = scan.grouped(search, column, deadline - time.monotonic())
    return [Bucket(start, hits.get(start, 0), rows) for start, rows in sorted(every.items())]


def top(scan: FullScan, search: Search, what: str, size: int) -> tuple[list[tuple[str, int]], int]:
    """The values with most hits and the number of these, and how many distinct values there are."""
    column = TOP[what]
    value = column if column == "did" else f"unnest(list_distinct({column}))"
    counted = {text: rows for text, rows in scan.grouped(search, value, search.timeout).items() if text is not None}
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:size], len(counted)
