"""The shapes of answers: a hit as JSON and as a row of CSV."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from lake.search import Hit

COLUMNS = (
    *("id", "did", "username", "timestamp", "seen_at", "text", "langs", "cid", "reply_root", "reply_parent", "quote"),
    *("links", "hashtags", "mentions", "media", "url"),
)


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


def csv_lines(pages: Iterable[list[Hit]]) -> Iterator[bytes]:
    """RFC 4180 in UTF-8, a header first, lists as JSON arrays, NUL as U+FFFD because no CSV reader takes it."""
    yield _csv([list(COLUMNS)])
    for hits in pages:
        yield _csv([_cell(value) for value in result(hit).values()] for hit in hits)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        value = json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value).replace("\0", "\ufffd")


def _csv(rows: Iterable[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
