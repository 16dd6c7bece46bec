"""Hits as JSON."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from api.answers.pseudonyms import with_pseudonyms
from api.params.search import MATCHES
from lake.pseudonyms.names import Pseudonyms
from lake.scan.hit import Hit

LISTS = ("langs", "links", "hashtags", "mentions", "media", "alt", "labels")  # [] when a post has none


Places = Callable[[str | None], Sequence[tuple[int, int]]]


def to_results(
    hits: Iterable[Hit],
    usernames: Mapping[str, str],
    columns: Sequence[str],
    places: Places | None = None,
    names: Pseudonyms | None = None,
) -> list[dict[str, Any]]:
    """One object per hit, with these columns. `places`: finds in a text what the column `matches` shows. `names`: in
    place of accounts and records."""
    rows: Iterable[dict[str, Any]] = [to_result(hit, usernames.get(hit.did)) for hit in hits]
    rows = with_pseudonyms(names, rows)
    if places is not None and MATCHES in columns:
        rows = (row | {MATCHES: places(row["text"])} for row in rows)
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
