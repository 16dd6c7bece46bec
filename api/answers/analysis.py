"""Counts over all hits of a search, and posts by their URIs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rest_framework.exceptions import ValidationError

from api.answers.pseudonyms import pseudonyms, with_pseudonyms
from api.answers.reader import reader
from api.answers.rows import to_results
from api.answers.usernames import handle_lookup, pinned_search, uris_with_dids, usernames
from api.params.query import result_columns, withhold
from lake.catalog.statistics import stats
from lake.flags.definitions import Flags
from lake.query.rendering import render
from lake.search import aggregates, by_uri
from process.instants import iso_us


def timeline(values: Mapping[str, Any], flags: Flags) -> dict[str, Any]:
    by, of = values["by"], values["of"]
    try:
        buckets = aggregates.timeline(reader().full_scan, pinned_search(values, flags), by, of)
    except aggregates.TooManyBuckets as error:
        raise ValidationError({"by": [f"{error}."]}) from error
    rows = [{"start": iso_us(bucket.start_us), "hits": bucket.hits, "all": bucket.all} for bucket in buckets]
    hits, rows_at_all = sum(bucket.hits for bucket in buckets), sum(bucket.all for bucket in buckets)
    return {"results": rows, "meta": {"by": by, "of": of, "hits": hits, "all": rows_at_all, **_understood(values)}}


def top(values: Mapping[str, Any], flags: Flags) -> dict[str, Any]:
    by = values["by"]
    counted, distinct = aggregates.top(reader().full_scan, pinned_search(values, flags), by, values["limit"])
    results: list[dict[str, Any]] = [{"value": value, "hits": hits} for value, hits in counted]
    if by == "authors":
        names = handle_lookup().names([value for value, _ in counted])
        results = [result | {"username": names.get(result["value"])} for result in results]
    results = with_pseudonyms(pseudonyms(values), results)
    return {"results": results, "meta": {"by": by, "distinct": distinct, **_understood(values)}}


def _understood(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"query": render(values["text"]), "notes": values["notes"]}


def span(dataset: str) -> tuple[datetime, datetime] | None:
    """The first and the newest `seen` that the lake has of a dataset, None when it has none. From the catalog."""
    held = stats()["datasets"].get(dataset)
    return (held["oldest"], held["newest"]) if held else None


def posts(values: Mapping[str, Any], flags: Flags) -> dict[str, Any]:
    uris = uris_with_dids(values["uris"], flags.query_timeout_seconds)
    lookup = by_uri.look_up(reader().scanner, uris, flags.query_timeout_seconds, withhold=withhold(flags))
    gone = {
        "deleted": lookup.deleted,
        "hidden": [{"id": uri, "account": status} for uri, status in lookup.hidden.items()],
        "purged": lookup.purged,
        "unknown": lookup.unknown,
    }
    meta = {"asked": len(uris), "found": len(lookup.hits), **gone, "complete": lookup.complete}
    results = to_results(lookup.hits, usernames(lookup.hits), result_columns("posts"))
    answer: dict[str, Any] = with_pseudonyms(pseudonyms(values), {"results": results, "meta": meta})
    return answer
