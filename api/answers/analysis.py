"""Counts over all hits of a search, and posts by their URIs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rest_framework.exceptions import ValidationError

from api.answers.page import COUNT_SECONDS
from api.answers.reader import reader
from api.answers.rows import to_results
from api.answers.usernames import handle_lookup, pinned_search, uris_with_dids, usernames
from api.params.query import result_columns
from lake.catalog.figures import stats
from lake.coverage.window import coverage_of
from lake.flags.definitions import Flags
from lake.query.rendering import render
from lake.query.spec import Search
from lake.search import aggregates, by_uri
from process.instants import iso_us


def timeline(values: Mapping[str, Any], flags: Flags) -> dict[str, Any]:
    by, of = values["by"], values["of"]
    search = pinned_search(values, flags)
    try:
        buckets = aggregates.timeline(reader().full_scan, search, by, of)
    except aggregates.TooManyBuckets as error:
        raise ValidationError({"by": [f"{error}."]}) from error
    rows = [{"start": iso_us(bucket.start_us), "hits": bucket.hits, "all": bucket.all} for bucket in buckets]
    hits, rows_at_all = sum(bucket.hits for bucket in buckets), sum(bucket.all for bucket in buckets)
    return {"results": rows, "meta": {"by": by, "of": of, "hits": hits, "all": rows_at_all, **_about(values, search)}}


def top(values: Mapping[str, Any], flags: Flags) -> dict[str, Any]:
    by, search = values["by"], pinned_search(values, flags)
    counted, distinct = aggregates.top(reader().full_scan, search, by, values["limit"])
    results: list[dict[str, Any]] = [{"value": value, "hits": hits} for value, hits in counted]
    if by == "authors":
        names = handle_lookup().names([value for value, _ in counted])
        results = [result | {"username": names.get(result["value"])} for result in results]
    return {"results": results, "meta": {"by": by, "distinct": distinct, **_about(values, search)}}


def _about(values: Mapping[str, Any], search: Search) -> dict[str, Any]:
    removed = 0 if values["as_of"] is None else reader().full_scan.removed(search, COUNT_SECONDS)
    about = {"query": render(values["text"]), "notes": values["notes"]}
    return {"coverage": coverage_of(search), "as_of": search.as_of, "removed_since": removed, **about}


def span(dataset: str) -> tuple[datetime, datetime] | None:
    """The first and the newest `seen` that the lake has of a dataset, None when it has none. From the catalog."""
    held = stats()["datasets"].get(dataset)
    return (held["oldest"], held["newest"]) if held else None


def posts(values: Mapping[str, Any], flags: Flags) -> dict[str, Any]:
    uris = uris_with_dids(values["uris"], flags.query_timeout_seconds)
    lookup = by_uri.look_up(reader().scanner, uris, flags.query_timeout_seconds)
    return {
        "results": to_results(lookup.hits, usernames(lookup.hits), result_columns("posts")),
        "meta": {
            "asked": len(uris),
            "found": len(lookup.hits),
            "deleted": lookup.deleted,
            "hidden": [{"id": uri, "account": status} for uri, status in lookup.hidden.items()],
            "purged": lookup.purged,
            "unknown": lookup.unknown,
            "complete": lookup.complete,
        },
    }
