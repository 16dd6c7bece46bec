"""Rows that an export leaves out: behind its limit, and hidden."""

from dataclasses import replace
from typing import Any

from lake.errors import QueryTimeout, QueryTooLarge
from lake.export.spec import ExportSpec
from lake.scan.full_scan import FullScan
from lake.search.sample import stretch

AFTER_SECONDS = 2.0  # for each count after the last row: the client waits for the end of its file


def before(scan: FullScan, spec: ExportSpec) -> dict[str, Any]:
    """What the manifest says before the export."""
    total, relation = scan.count(spec.search, spec.search.timeout)
    hits, known = _population(scan, spec, total, relation, spec.search.timeout)
    cut = truncated(spec.limit, hits, known)
    rows, known = (spec.limit, "eq") if cut else (hits, known)
    hidden = _hidden(scan, spec, total, spec.search.timeout) if relation == "eq" and not cut else None
    found = {"rows": rows, "rows_relation": known, "truncated": cut, "rows_hidden": hidden}
    return found | _removed(scan, spec, spec.search.timeout)


def after(scan: FullScan, spec: ExportSpec, rows: int) -> dict[str, Any]:
    """What the manifest says after it had so many rows."""
    cut: bool | None = False
    if spec.limit is not None and rows >= spec.limit:
        counted = scan.count(spec.search, AFTER_SECONDS, enough=spec.limit + 1)
        cut = truncated(spec.limit, *_population(scan, spec, *counted, AFTER_SECONDS))
    hidden = _hidden(scan, spec, rows, AFTER_SECONDS) if cut is False else None
    return {"truncated": cut, "rows_hidden": hidden} | _removed(scan, spec, AFTER_SECONDS)


def _removed(scan: FullScan, spec: ExportSpec, seconds: float) -> dict[str, int | None]:
    """0 for a moment that nobody asked for."""
    return {"removed_since": scan.removed(spec.search, seconds) if spec.recalled else 0}


def truncated(limit: int | None, hits: int, relation: str) -> bool | None:
    """Whether the limit cuts rows off, of so many hits or (`gte`) at least so many; None when that is not known."""
    if limit is None or hits > limit:
        return limit is not None
    return False if relation == "eq" else None


def _population(scan: FullScan, spec: ExportSpec, total: int, relation: str, seconds: float) -> tuple[int, str]:
    """The hits of the sample, if there is one, else all."""
    if spec.sample and spec.sample_per:
        try:
            of_each = scan.grouped(spec.search, stretch(spec.search, spec.sample_per), seconds)
        except (QueryTimeout, QueryTooLarge):
            return 0, "gte"
        return sum(min(spec.sample, rows) for rows in of_each.values()), "eq"
    return (spec.sample, "eq") if spec.sample and spec.sample <= total else (total, relation)


def _hidden(scan: FullScan, spec: ExportSpec, visible: int, seconds: float) -> int | None:
    """Rows that match and are hidden; None of a sample, and when they could not be counted in time."""
    if spec.sample:
        return None
    if not spec.search.hide and not spec.search.withhold:
        return 0
    total, relation = scan.count(replace(spec.search, hide=False, withhold=()), seconds)
    return max(0, total - visible) if relation == "eq" else None
