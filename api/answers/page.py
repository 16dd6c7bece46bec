"""A page of a search: its hits, how many there are in all, and the token of the next page."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from rest_framework.exceptions import ValidationError

from api import metrics
from api.access.concurrency import Overloaded, idle, slot
from api.answers.pseudonyms import pseudonyms
from api.answers.reader import reader
from api.answers.rows import Finders, to_results
from api.answers.usernames import usernames, with_dids
from api.params import tokens
from api.params.query import to_search
from api.params.tokens import Token
from lake.coverage.window import coverage_of
from lake.flags.definitions import MAX_LIMIT, Flags
from lake.pseudonyms.names import Pseudonyms
from lake.query.rendering import render
from lake.query.spec import ResumePoint, Search
from lake.scan.full_scan import TooManyValues
from lake.scan.hit import Hit
from lake.scan.snapshot import pin_snapshot
from lake.search import sample
from lake.search.keys import keys_at
from lake.search.matches import finder, term_finder
from lake.search.reader import Page

# For counting, unless the request says whether to count. Others wait meanwhile: the less is idle, the less it may take.
COUNT_SECONDS = 0.5


class Answered(NamedTuple):
    """A page of a search for one moment. `removed`: as meta.removed_since. `following`: the token of the next page."""

    page: Page
    search: Search
    counted: "Counted"
    removed: int | None
    following: str | None


class Counted(NamedTuple):
    """`relation`: eq, or gte when `total` is a lower bound; both None when nothing was counted."""

    total: int | None
    relation: str | None


def answer_page(values: Mapping[str, Any], flags: Flags, deadline: float) -> dict[str, Any]:
    """What /search answers to validated parameters. `deadline`: in monotonic seconds."""
    search, names = with_dids(to_search(values, flags)), pseudonyms(values)
    token: Token | None = values["token"]
    search = replace(search, snapshot_us=token.snapshot_us) if token else pin_snapshot(search)
    if values["sample"]:
        with slot("search"):
            hits = _drawn(values, search)
        removed = removed_since(values, search, deadline)
        answered = Answered(Page(hits, 0, None, None, None), search, Counted(None, None), removed, None)
    else:
        answered = _page(values, search, deadline, names)
    page, search, counted, removed, following = answered
    metrics.HITS_HIDDEN.inc(page.hidden)
    return {
        "results": to_results(
            page.hits,
            usernames(page.hits),
            values["fields"],
            Finders(finder(search.query), term_finder(values["terms"])),
            search.snapshot_us,
            names,
        ),
        "meta": {
            "count": len(page.hits),
            "total": counted.total,
            "total_relation": counted.relation,
            "page": values["token"].page if values["token"] else values["page"],
            "limit": values["sample"] or values["limit"],
            "next": following,
            "complete": page.complete,
            "searched_to": page.searched_to,
            "hidden": page.hidden,
            "coverage": coverage_of(search),
            "as_of": search.as_of,
            "removed_since": removed,
            "query": render(values["text"]),
            "notes": values["notes"],
        },
    }


def removed_since(values: Mapping[str, Any], search: Search, deadline: float) -> int | None:
    """How many rows have gone since the moment that was asked for, in the window; None when they were not counted in
    time. 0 when none was asked for."""
    if values["as_of"] is None:
        return 0
    try:
        return reader().removed(search, min(deadline - time.monotonic(), COUNT_SECONDS * idle("search")))
    except Overloaded:
        return None


def _drawn(values: Mapping[str, Any], search: Search) -> list[Hit]:
    size, seed, per = values["sample"], values["seed"], values["sample_per"]
    try:
        return sample.draw(reader().full_scan, search, size, seed, per, MAX_LIMIT)
    except TooManyValues as error:
        raise ValidationError({"sample": [f"{error}, or use the export."]}) from error


def _page(values: Mapping[str, Any], search: Search, deadline: float, names: Pseudonyms | None) -> Answered:
    token: Token | None = values["token"]
    limit = values["limit"]
    left = replace(search, timeout=deadline - time.monotonic())
    page = reader().find(left, limit, (values["page"] - 1) * limit, _start(left, token, names) if token else None)
    counted = _count(values, search, page, deadline)
    removed = token.removed if token else removed_since(values, search, deadline)
    if page.next is None:
        return Answered(page, search, counted, removed, None)
    number = (token.page if token else values["page"]) + 1
    following = Token(page.next, search.snapshot_us, number, *counted, _before(values) + len(page.hits), removed)
    unnamed = _unnamed(following, names)
    return Answered(page, search, counted, removed, tokens.encode(unnamed, values["fingerprint"]))


def _unnamed(token: Token, names: Pseudonyms | None) -> Token:
    """A token is signed, and everybody can read it: with pseudonyms it has a code in place of the last row's key."""
    at, after = token.start
    if names is None or after is None:
        return token
    return token._replace(start=ResumePoint(at), code=names.codes([repr(after)])[0])


def _start(search: Search, token: Token, names: Pseudonyms | None) -> ResumePoint:
    """Where the page begins. Raises ValidationError for a code that is of none of the rows of its time."""
    if token.code is None:
        return token.start
    keys = keys_at(reader().scanner, search, token.start.position) if names else []
    codes = names.codes(map(repr, keys)) if names else []
    if token.code not in codes:
        raise ValidationError({"token": ["was made for another API key, or is too old: leave it out to start over."]})
    return token.start._replace(after=keys[codes.index(token.code)])


def _counted(search: Search, seconds: float) -> tuple[int, str]:
    started, ended = time.monotonic(), "error"
    try:
        total, relation = reader().count(search, seconds)
        ended = "ok" if relation == "eq" else "timeout"
    except Overloaded:
        ended = "refused"
        raise
    finally:
        if seconds > 0:
            metrics.QUERY_SECONDS.labels("count", ended).observe(time.monotonic() - started)
    return total, relation


def _before(values: Mapping[str, Any]) -> int:
    """Hits of the pages before this one."""
    token: Token | None = values["token"]
    return token.before if token else (values["page"] - 1) * int(values["limit"])


def _count(values: Mapping[str, Any], search: Search, page: Page, deadline: float) -> Counted:
    """Counts on the first page; tokens carry the result. total=true counts again when that is a lower bound. A walk
    that has come to the end has seen how many there are."""
    token: Token | None = values["token"]
    if values["total"] is False:
        return Counted(None, None)
    if page.total is not None:
        return Counted(page.total, "eq")
    if token and page.next is None:
        return Counted(token.before + len(page.hits), "eq")
    if token and token.total is not None and (token.relation == "eq" or values["total"] is None):
        return Counted(token.total, token.relation)
    left = deadline - time.monotonic()
    if values["total"]:
        total, relation = _counted(search, left)
    else:
        try:
            total, relation = _counted(search, min(left, COUNT_SECONDS * idle("search")))
        except Overloaded:  # the last slot went in between: the page is there all the same
            total, relation = 0, "gte"
    return Counted(max(total, len(page.hits)), relation)
