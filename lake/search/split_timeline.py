"""A timeline of each of the most frequent values: of authors, languages, hashtags, labels or terms."""

import heapq
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from lake.labelfilter.label_sql import names_of_row
from lake.query.spec import Search
from lake.query.sql import Condition, NamedTerm, matched_terms
from lake.scan.full_scan import FullScan, TooManyValues, summed
from lake.search.aggregates import Place, TooManyBuckets

# What a timeline is split by, and its SQL over posts; another dataset has authors only.
SPLITS = {"author": "did", "lang": "langs", "tag": "hashtags", "label": names_of_row(), "term": ""}
MOST_SERIES = 10_000
MOST_COUNTS = 1_000_000  # of one answer, some 100 bytes each


class SplitTimeline(NamedTuple):
    """`series`: the values with most hits, in the order of top, and their hits. `more`: further values. `counts`: hits
    by start (microseconds) and value, None for all that is in no series."""

    series: list[tuple[str, int]]
    more: int
    counts: dict[tuple[int, str | None], int]


def split_timeline(
    scan: FullScan, search: Search, by: str, split: str, most: int, terms: Sequence[NamedTerm] = ()
) -> SplitTimeline:
    """`most`: series. A post counts once for each value that it has. Raises TooManyBuckets for more than MOST_COUNTS,
    and TooManyValues."""
    deadline = time.monotonic() + search.timeout
    search = replace(search, labelled=split == "label")
    value, values = _value(search, split, terms)
    totals = scan.grouped(search, value, search.timeout, **values)
    totals.pop(None, None)
    largest = heapq.nsmallest(most, (Place(-rows, name) for name, rows in totals.items()))
    start = f"epoch_us(date_trunc('{by}', {search.time}))"
    groups = f"""SELECT start, CASE WHEN value IN (SELECT unnest($series::VARCHAR[])) THEN value END AS value, count(*)
        FROM ({{sql}}) GROUP BY ALL LIMIT {MOST_COUNTS + 1:d}"""
    values |= {"series": [place.value for place in largest]}
    columns = f"{start} AS start, {value} AS value"
    slices = scan.slices(search, columns, groups, deadline - time.monotonic(), **values)
    try:
        counts = summed((((us, name), rows) for part in slices for us, name, rows in part), MOST_COUNTS)
    except TooManyValues as error:
        raise TooManyBuckets(
            f"gives more than {MOST_COUNTS:,} counts: narrow the dates, count by more time, or take fewer series"
        ) from error
    return SplitTimeline(_series(counts), len(totals) - len(largest), counts)


def _series(counts: dict[tuple[int, str | None], int]) -> list[tuple[str, int]]:
    """With the hits that are in the counts: of the values' totals some may have been deleted meanwhile."""
    sums = summed(((name, rows) for (_, name), rows in counts.items() if name is not None), MOST_COUNTS)
    return [(place.value, -place.less) for place in sorted(Place(-rows, name) for name, rows in sums.items())]


def _value(search: Search, split: str, terms: Sequence[NamedTerm]) -> tuple[str, dict[str, object]]:
    """SQL of the values, with null for a row that has none, and its parameters."""
    if split == "author":
        return SPLITS[split], {}
    found = matched_terms(terms, search.of) if split == "term" else Condition(f"list_distinct({SPLITS[split]})", {})
    return f"unnest(CASE WHEN len({found.sql}) > 0 THEN {found.sql} ELSE [NULL]::VARCHAR[] END)", dict(found.values)
