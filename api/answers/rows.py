"""Hits as JSON."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lake.scan.hit import Hit

LISTS = ("langs", "links", "hashtags", "mentions", "media")  # [] when a post has none


def to_results(hits: Iterable[Hit], usernames: Mapping[str, str], columns: Sequence[str]) -> list[dict[str, Any]]:
    """One object per hit, with these columns."""
    rows = (to_result(hit, usernames.get(hit.did)) for hit in hits)
    return [{name: row[name] for name in columns} for row in rows]


def to_result(hit: Hit, username: str | None) -> dict[str, Any]:
    fields = {name: value or [] if name in LISTS else value for name, value in hit.fields.items()}
    return {
        "id": hit.uri,
        "did": hit.did,
        "username": username,
        "timestamp": hit.timestamp,
        "seen_at": hit.seen_at,
        **fields,
        "url": f"https://bsky.app/profile/{hit.did}/post/{hit.key.rkey}",
    }
