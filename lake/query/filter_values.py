"""What the filters take: how a value is described in messages, and what it is normalised to. Pure."""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from ingest.identifiers import DID, SUBJECT_URI
from process.instants import iso, parse_timestamp


class ValueKind(NamedTuple):
    """`takes` completes "takes ...". `normalize` raises ValueError for a text that is no such value."""

    takes: str
    normalize: Callable[[str], str]


def _matching(pattern: str, prepare: Callable[[str], str] = str.strip) -> Callable[[str], str]:
    """The prepared text, if the whole of it matches."""
    allowed = re.compile(pattern)

    def normalize(text: str) -> str:
        value = prepare(text)
        if not allowed.fullmatch(value):
            raise ValueError(text)
        return value

    return normalize


def one_of(names: Iterable[str]) -> ValueKind:
    names = tuple(names)
    return ValueKind(f"one of {', '.join(names)}", _matching("|".join(names), str.lower))


def _account(text: str) -> str:
    name = text.strip().removeprefix("@").removeprefix("＠")
    return name if name.startswith("did:") else name.lower()


_TAKES_TIME = "a date like 2026-07-01 or a time like 2026-07-01T12:00:00Z"

ACCOUNT = ValueKind("a handle like alice.bsky.social or a DID", _matching(rf"{DID}|[a-z0-9._-]+", _account))
LANGUAGE = ValueKind("a language code like en or pt-BR", _matching(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*"))
# No control characters: lake.query.filter_sql joins the elements of a list by line breaks.
HASHTAG = ValueKind("a hashtag like #lake", _matching(r"[^\x00-\x1f\x7f]+", lambda text: text.strip().lstrip("#＃ ")))
DOMAIN = ValueKind("a domain like example.com", _matching(r"[^\s\x00-\x1f/:@?#,]+", lambda text: text.strip(" .")))
LINK = ValueKind("a link or its beginning like example.com/page", _matching(r"\S+"))
SUBJECT = ValueKind(
    "a URI like at://did:plc:abc/app.bsky.feed.post/xyz or a DID",
    _matching(f"{DID}|{SUBJECT_URI}"),
)
START = ValueKind(_TAKES_TIME, lambda text: iso(parse_timestamp(text)))
END = ValueKind(_TAKES_TIME, lambda text: iso(parse_timestamp(text, end_of_day=True)))
