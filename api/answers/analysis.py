"""Counts over all hits of a search, and posts by their URIs."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from rest_framework.exceptions import ValidationError

from api.answers.page import COUNT_SECONDS
from api.answers.pseudonyms import pseudonyms, with_pseudonyms
from api.answers.reader import reader
from api.answers.rows import to_results
from api.answers.usernames import handle_lookup, pinned_search, uris_with_dids, usernames
from api.params import tokens
from api.params.query import result_columns, withhold
from lake.catalog.figures import stats
from lake.coverage.window import coverage_of
from lake.flags.definitions import Flags
from lake.query.rendering import render
from lake.query.spec import Search
from lake.scan.full_scan import TooManyValues
from lake.search import aggregates, by_uri
from lake.search.split_timeline import split_timeline
from process.instants import iso_us


def timeline(values: Mapping[str, Any], flags: Flags) -> dict[str, Any]:
    if values["split"]:
        return _split(values, flags)
    by, of = values["by"], values["of"]
    search = pinned_search(values, flags)
    try:
        buckets = aggregates.timeline(reader().full_scan, search, by, of)
    except aggregates.TooManyBuckets as error:
        raise ValidationError({"by": [f"{error}."]}) from error
    rows = [{"start": iso_us(bucket.start_us), "hits": bucket.hits, "all": bucket.all} for bucket in buckets]
    hits, rows_at_all = sum(bucket.hits for bucket in buckets), sum(bucket.all for bucket in buckets)
    return {"results": rows, "meta": {"by": by, "of": of, "hits": hits, "all": rows_at_all, **_about(values, search)}}


def _split(values: Mapping[str, Any], flags: Flags) -> dict[str, Any]:
    by, of, split = values["by"], values["of"], values["split"]
    search, scan = pinned_search(values, flags), reader().full_scan
    try:
        whole = aggregates.timeline(scan, search, by, of)
        parts = split_timeline(scan, search, by, split, values["series"], values["terms"])
    except TooManyValues as error:
        field = "by" if isinstance(error, aggregates.TooManyBuckets) else "split"
        raise ValidationError({field: [f"{error}."]}) from error
    every = {bucket.start_us: bucket.all for bucket in whole}
    names = handle_lookup().names([value for value, _ in parts.series]) if split == "author" else {}
    rows = sorted(parts.counts.items(), key=lambda one: (one[0][0], one[0][1] is None, one[0][1] or ""))
    pseudonymous = pseudonyms(values)
    results = [
        {"start": iso_us(start), "value": value, "hits": hits, "all": every.get(start, hits)}
        for (start, value), hits in rows
    ]
    return {
        "results": with_pseudonyms(pseudonymous, results),
        "meta": {
            "by": by,
            "of": of,
            "hits": sum(bucket.hits for bucket in whole),
            "all": sum(every.values()),
            "split": split,
            "split_values": with_pseudonyms(pseudonymous, _values(parts.series, names, split == "author")),
            "more": parts.more,
            **_about(values, search),
        },
    }


def _values(counted: Iterable[tuple[str, int]], names: Mapping[str, str], accounts: bool) -> list[dict[str, Any]]:
    values = [{"value": value, "hits": hits} for value, hits in counted]
    return [value | {"username": names.get(str(value["value"]))} for value in values] if accounts else values


def top(values: Mapping[str, Any], flags: Flags) -> dict[str, Any]:
    by, search, after = values["by"], pinned_search(values, flags), None
    names = pseudonyms(values)
    if values["after"]:
        place, snapshot_us = values["after"]
        after, search = aggregates.Place(*place), replace(search, snapshot_us=snapshot_us)
    try:
        found = aggregates.top(
            reader().full_scan, search, by, values["limit"], after, None if names is None else names.codes
        )
    except TooManyValues as error:
        raise ValidationError({"by": [f"{error}."]}) from error
    except aggregates.UnknownPlace as error:
        raise ValidationError(
            {"token": ["was made for another API key, or is too old: leave it out to start over."]}
        ) from error
    accounts = by == "authors" or (by == "subjects" and search.of.subject == "subject")
    handles = handle_lookup().names([value for value, _ in found.values]) if accounts else {}
    results = with_pseudonyms(names, _values(found.values, handles, accounts))
    following = found.next and tokens.encode_place(found.next, search.snapshot_us, values["fingerprint"])
    return {
        "results": results,
        "meta": {"by": by, "distinct": found.distinct, "next": following, **_about(values, search)},
    }


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
