"""The filters: how each is written, and what its values may be. Pure."""

import re
from collections.abc import Callable
from typing import NamedTuple

from ingest.identifiers import DID, HANDLE, SUBJECT_URI
from lake.query.timestamps import parse_timestamp
from process.instants import iso

_SHOWN = 60  # characters of a wrong value that the message repeats


class QueryError(ValueError):
    """What is asked can't be understood; the message says where, and what is allowed."""


class FilterSpec(NamedTuple):
    """`operator` is what a reader writes before the colon, `takes` completes "it takes ...". `normal` gives the value
    as it is kept; it raises ValueError where it is none."""

    operator: str
    takes: str
    normal: Callable[[str], str]


def _pattern(pattern: str, prepare: Callable[[str], str] = str) -> Callable[[str], str]:
    """Values that are wholly of a pattern, after `prepare`."""
    allowed = re.compile(pattern)

    def normal(text: str) -> str:
        value = prepare(text)
        if not allowed.fullmatch(value):
            raise ValueError(text)
        return value

    return normal


def _choice(*names: str) -> tuple[str, Callable[[str], str]]:
    return f"one of {', '.join(names)}", _pattern("|".join(names), str.lower)


def _person(text: str) -> str:
    name = text.strip().removeprefix("@").removeprefix("＠")
    return name if name.startswith("did:") else name.lower()


def _hashtag(text: str) -> str:
    return text.strip().lstrip("#＃ ")


def _domain(text: str) -> str:
    return text.strip(" .")


_TAKES_PERSON = "a handle like alice.bsky.social or a DID"
_PERSON = _pattern(f"{DID}|{HANDLE}", _person)
_TAKES_MOMENT = "a date like 2026-07-01 or a time like 2026-07-01T12:00:00Z"

FILTERS: dict[str, FilterSpec] = {
    "author": FilterSpec("from", _TAKES_PERSON, _PERSON),
    "lang": FilterSpec(
        "lang", "a language code like en or pt-BR", _pattern(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*", str.strip)
    ),
    # No control characters: lake.query.sql divides lists by them.
    "tag": FilterSpec("tag", "a hashtag like #lake", _pattern(r"[^\x00-\x1f\x7f]+", _hashtag)),
    "mention": FilterSpec("mentions", _TAKES_PERSON, _PERSON),
    "domain": FilterSpec("domain", "a domain like example.com", _pattern(r"[^\s\x00-\x1f/:@?#,]+", _domain)),
    "url": FilterSpec("url", "a link or its beginning like example.com/page", _pattern(r"\S+", str.strip)),
    "has": FilterSpec("has", *_choice("image", "video", "link", "quote", "alt")),
    "is": FilterSpec("is", *_choice("reply", "original", "quote")),
    "subject": FilterSpec(
        "subject", "a URI like at://did:plc:abc/app.bsky.feed.post/xyz or a DID",
        _pattern(f"{DID}|{SUBJECT_URI}", str.strip),
    ),
    "since": FilterSpec("since", _TAKES_MOMENT, lambda text: iso(parse_timestamp(text))),
    "until": FilterSpec("until", _TAKES_MOMENT, lambda text: iso(parse_timestamp(text, end_of_day=True))),
}  # fmt: skip


def parse_value(kind: str, text: str) -> str:
    """The value as it is kept: a handle without @, a time in UTC (an `until` that is a date becomes the beginning of
    the next day), a tag without #. Raises QueryError that says what is allowed."""
    try:
        return FILTERS[kind].normal(text)
    except OverflowError as error:
        raise QueryError(f"takes the years 1 to 9999, not '{text[:_SHOWN]}'") from error
    except ValueError as error:
        wrong = f", not '{text[:_SHOWN]}'" if text else ""
        raise QueryError(f"takes {FILTERS[kind].takes}{wrong}") from error
