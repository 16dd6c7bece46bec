"""The shapes of answers: a page as JSON, a hit as JSON and as a row of CSV."""

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

from lake.query import Search
from lake.search import Hit, Page

COLUMNS = (
    *("id", "did", "username", "timestamp", "seen_at", "text", "langs", "cid", "reply_root", "reply_parent", "quote"),
    *("links", "hashtags", "mentions", "media", "url"),
)

_json = json.JSONEncoder(ensure_ascii=False)  # dumps() would make one for each cell


def page_body(page: Page, search: Search, seconds: float) -> dict[str, Any]:
    """What /search answers. `seconds`: what it took."""
    return {
        "results": [result(hit) for hit in page.hits],
        "meta": {
            "count": len(page.hits),
            "total": page.total,
            "total_relation": page.total_relation,
            "page": search.offset // search.limit + 1,
            "limit": search.limit,
            "next": None,
            "complete": page.complete,
            "searched_to": page.searched_to,
            "hidden": page.hidden,
            "took_ms": round(seconds * 1000),
            "query": str(search.query),
        },
    }


def result(hit: Hit) -> dict[str, Any]:
    """One of `results`."""
    return {
        "id": hit.uri,
        "did": hit.did,
        "username": None,
        "timestamp": hit.timestamp,
        "seen_at": hit.seen_at,
        "text": hit.text,
        "langs": hit.langs or [],
        "cid": hit.cid,
        "reply_root": hit.reply_root,
        "reply_parent": hit.reply_parent,
        "quote": hit.quote,
        "links": hit.links or [],
        "hashtags": hit.hashtags or [],
        "mentions": hit.mentions or [],
        "media": hit.media or [],
        "url": f"https://bsky.app/profile/{hit.did}/post/{hit.rkey}",
    }


def csv_header() -> bytes:
    return _csv([COLUMNS])


def csv_rows(hits: Iterable[Hit]) -> bytes:
    """RFC 4180 in UTF-8, lists as JSON arrays, NUL as U+FFFD because hardly any reader of CSV takes it."""
    return _csv([_cell(value) for value in result(hit).values()] for hit in hits)


def _cell(value: str | list[str] | None) -> str:
    if not value:
        return "[]" if value == [] else ""
    if isinstance(value, list):
        return _json.encode([_plain(item) for item in value])
    return _plain(value)


def _plain(text: str) -> str:
    return text.replace("\0", "\ufffd")


def _csv(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
