"""Rows of an answer as the page shows them. Pure. All texts are hostile: templates escape them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from explorer.search.languages import language

_HEAD, _TAIL = 12, 4  # characters of a DID that are shown
MOST_LINKS = 5


class Piece(NamedTuple):
    """A part of a text; `matches`: it is what was searched for."""

    text: str
    matches: bool


class Link(NamedTuple):
    """`url`: empty when it is not one to follow, such as javascript:..."""

    shown: str
    url: str


class Hit(NamedTuple):
    """One post. `cells`: what a row of another dataset holds, by name."""

    id: str
    did: str
    name: str
    created: str | None
    seen: str
    pieces: Sequence[Piece]
    languages: Sequence[str]
    kinds: Sequence[str]
    media: Sequence[str]
    alts: Sequence[str]
    labels: Sequence[str]
    links: Sequence[Link]
    more_links: int
    url: str
    thread: str
    cells: Mapping[str, Any]


def to_hit(row: Mapping[str, Any]) -> Hit:
    """A row as the API answers with it."""
    text = row.get("text") or ""
    links = [link for link in map(_link, row.get("links") or ()) if link.shown not in text]
    return Hit(
        id=row["id"],
        did=row["did"],
        name=f"@{row['username']}" if row["username"] else short_did(row["did"]),
        created=row["timestamp"],
        seen=row["seen_at"],
        pieces=pieces(text, row.get("matches") or ()),
        languages=[language(code) for code in row.get("langs") or ()],
        kinds=_kinds(row),
        media=row.get("media") or (),
        alts=[text for text in row.get("alt") or () if text],
        labels=row.get("self_labels") or (),
        links=links[:MOST_LINKS],
        more_links=max(0, len(links) - MOST_LINKS),
        url=row.get("url") or "",
        thread=f"/thread?{urlencode({'uri': row['id']})}" if "text" in row else "",
        cells={} if "text" in row else _cells(row),
    )


def pieces(text: str, matches: Sequence[Sequence[int]]) -> list[Piece]:
    """The text, cut at the [start, end) of its matches, which are in code points."""
    found, at = [], 0
    for start, end in sorted((int(start), int(end)) for start, end in matches):
        low, high = max(start, at), min(end, len(text))
        if low < high:
            found += [Piece(text[at:low], False), Piece(text[low:high], True)]
            at = high
    return [piece for piece in (*found, Piece(text[at:], False)) if piece.text]


def short_did(did: str) -> str:
    """did:plc:abcd…wxyz."""
    return did if len(did) <= _HEAD + _TAIL + 1 else f"{did[:_HEAD]}…{did[-_TAIL:]}"


def _kinds(row: Mapping[str, Any]) -> list[str]:
    return [name for name, field in (("reply", "reply_parent"), ("quote", "quote")) if row.get(field)]


def _link(url: str) -> Link:
    """Shown without its scheme. Only what a browser loads by HTTP is followed."""
    try:
        parts = urlsplit(url)
        ok = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return Link(url, "")
    return Link(url.partition("://")[2], url) if ok else Link(url, "")


def _cells(row: Mapping[str, Any]) -> dict[str, Any]:
    known = ("id", "did", "username", "timestamp", "seen_at", "url")
    return {name: value for name, value in row.items() if name not in known and value not in (None, [], "")}
