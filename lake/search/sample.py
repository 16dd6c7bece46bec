"""A random sample that anyone can draw again: the hits with the smallest md5 of seed and URI. A delete removes its own
row only. One may be drawn of each hour, day or week.
"""

from collections.abc import Sequence
from typing import Any

from lake.query.spec import Search
from lake.scan.full_scan import FullScan, TooManyValues
from lake.scan.hit import Hit, select_list, to_hit, uri_sql

PER = ("hour", "day", "week")  # weeks begin on Monday
MOST = 1_000_000  # rows of all samples together: some 250 bytes each


def sample_order(search: Search) -> tuple[str, str]:
    """SQL of the order of a sample, with the parameter $seed: the hash, then what tells versions of a URI apart."""
    return f"md5(concat($seed, {uri_sql(search.of)}))", f"coalesce({search.of.order['version']}, '')"


def stretch(search: Search, per: str | None) -> str:
    """SQL of the stretch of time that a sample is drawn of: where it begins, in microseconds. `per`: one of PER; None:
    there is one stretch."""
    return f"epoch_us(date_trunc('{per}', {search.time}))" if per else "0"


def draw(scan: FullScan, search: Search, size: int, seed: str, per: str | None = None, most: int = MOST) -> list[Hit]:
    """At most `size` hits of each stretch, the earliest first, in the order of the sample. Raises TooManyValues for
    more than `most`."""
    samples = _smallest(scan, search, size, seed, per, most, f", {select_list(search)}")
    return [to_hit(search, row[3:]) for _, rows in sorted(samples.items()) for row in rows]


def sample_bounds(
    scan: FullScan, search: Search, size: int, seed: str, per: str | None = None
) -> list[tuple[int, str, str]]:
    """The last hash and version of each stretch's sample, of those that do not hold all hits of theirs. Raises
    TooManyValues for more than MOST rows."""
    samples = _smallest(scan, search, size, seed, per, MOST, "")
    return [(start, rows[-1][1], rows[-1][2]) for start, rows in samples.items() if len(rows) == size]


def _smallest(
    scan: FullScan, search: Search, size: int, seed: str, per: str | None, most: int, columns: str
) -> dict[int, Sequence[tuple[Any, ...]]]:
    hash_, version = sample_order(search)
    first = f"""{{sql}} QUALIFY row_number() OVER (PARTITION BY stretch ORDER BY hash, version) <= {size:d}
        ORDER BY stretch, hash, version LIMIT {most + 1:d}"""
    if per is None:
        first = f"{{sql}} ORDER BY hash, version LIMIT {size:d}"
    ordered = f"{stretch(search, per)} AS stretch, {hash_} AS hash, {version} AS version"
    samples: dict[int, list[tuple[Any, ...]]] = {}
    for part in scan.slices(search, f"{ordered}{columns}", first, search.timeout, seed=seed):
        for row in part:
            samples.setdefault(row[0], []).append(row)
        for start in {row[0] for row in part}:
            samples[start] = sorted(samples[start], key=lambda row: row[1:3])[:size]
        if sum(map(len, samples.values())) > most:
            raise TooManyValues(f"gives more than {most:,} rows in all: take fewer, or narrow the dates")
    return dict(samples)
