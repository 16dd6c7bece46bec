"""A random sample that anyone can draw again: the hits with the smallest md5 of seed and URI. A delete removes its own
row only."""

from typing import Any

from lake.query.spec import Search
from lake.scan.full_scan import FullScan
from lake.scan.hit import Hit, select_list, to_hit, uri_sql


def sample_order(search: Search) -> tuple[str, str]:
    """SQL of the order of a sample, with the parameter $seed: the hash, then what tells versions of a URI apart."""
    return f"md5(concat($seed, {uri_sql(search.of)}))", f"coalesce({search.of.order['version']}, '')"


def draw(scan: FullScan, search: Search, size: int, seed: str) -> list[Hit]:
    """At most `size` hits in the order of the sample."""
    return [to_hit(search, row[2:]) for row in _smallest(scan, search, size, seed, f", {select_list(search)}")]


def sample_bound(scan: FullScan, search: Search, size: int, seed: str) -> tuple[str, str] | None:
    """The last hash and version of the sample; None when it holds all hits."""
    rows = _smallest(scan, search, size, seed, "")
    return (rows[-1][0], rows[-1][1]) if len(rows) == size else None


def _smallest(scan: FullScan, search: Search, size: int, seed: str, columns: str) -> list[tuple[Any, ...]]:
    hash_, version = sample_order(search)
    first = f"{{sql}} ORDER BY hash, version LIMIT {size:d}"
    rows: list[tuple[Any, ...]] = []
    slices = scan.slices(search, f"{hash_} AS hash, {version} AS version{columns}", first, search.timeout, seed=seed)
    for part in slices:
        rows = sorted([*rows, *part], key=lambda row: row[:2])[:size]
    return rows
