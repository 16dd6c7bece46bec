"""What the filters take: how a value is described in messages, and what it is normalised to. Pure."""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple
from unicodedata import category

from ingest.identifiers import AUTHORITY, NSID, RECORD_KEY, SUBJECT_URI
from lake.labelfilter import wanted
from process.instants import iso, parse_timestamp

_SHOWN = 60  # characters of a wrong value that the message repeats


class QueryError(ValueError):
    """The query can't be understood. The message says where, and what is allowed."""


class ValueKind(NamedTuple):
    """`takes` describes the values in messages. `normalize` raises ValueError for other texts, and OverflowError for
    times out of range. `pattern`: what a parameter with such a value matches, if that can be said by a pattern."""

    takes: str
    normalize: Callable[[str], str]
    pattern: str = ""

    def parse(self, text: str) -> str:
        """The normalised value: a handle without @, a time in UTC (an `until` that is a date becomes the start of the
        next day), a tag without #. Raises QueryError."""
        try:
            return self.normalize(text)
        except OverflowError as error:
            raise QueryError(f"takes the years 1 to 9999, not '{text[:_SHOWN]}'") from error
        except ValueError as error:
            raise self.refused(text) from error

    def parse_parameter(self, text: str) -> str:
        """As parse(), of a text that matches the pattern as it is. Raises QueryError."""
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise self.refused(text)
        return self.parse(text)

    def refused(self, text: str) -> QueryError:
        wrong = f", not '{text[:_SHOWN]}'" if text else ""
        return QueryError(f"takes {self.takes}{wrong}")


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


_COLLECTIONS = {"post": "app.bsky.feed.post", "feed": "app.bsky.feed.generator", "lists": "app.bsky.graph.list"}
_PROFILE = rf"https?://bsky\.app/profile/({AUTHORITY})"
_KEY = r"[a-zA-Z0-9_~-][a-zA-Z0-9._:~-]{0,511}"
_REST = r"/?(?:[?#][!-~]*)?"  # what a browser or a share button adds
_URL = re.compile(rf"{_PROFILE}(?:/({'|'.join(_COLLECTIONS)})/({_KEY}))?{_REST}")


def _identifier(text: str) -> str:
    """A URL of bsky.app as the AT-URI, DID or handle that it stands for; @handle as handle, in lower case."""
    text = text.strip()
    if match := _URL.fullmatch(text):
        name, kind, key = match.groups()
        text = f"at://{name}/{_COLLECTIONS[kind]}/{key}" if kind else name
    name, _, path = text.removeprefix("at://").removeprefix("@").removeprefix("＠").partition("/")
    account = name if name.startswith("did:") else name.lower()
    return f"at://{account}/{path}" if path else account


def is_hashtag(tag: str) -> bool:
    """As in posts, a hashtag is more than digits and punctuation: #1 is text."""
    return any(character == "_" or category(character)[0] not in "PN" for character in tag)


def has_signs(tag: str) -> bool:
    """A hashtag that a text can say, and that the column `hashtags` has of facets only: lake/flush/sql/posts.sql ends
    those that it reads from a text before the first sign."""
    in_column = any(character == "_" or category(character)[0] == "L" for character in tag) and all(
        character == "_" or category(character)[0] in "LMN" for character in tag
    )
    return not in_column and is_hashtag(tag) and not any(map(str.isspace, tag))


_TAKES_TIME = "a date like 2026-07-01 or a time like 2026-07-01T12:00:00Z"

_ACCOUNT_FORMS = rf"(?:at://|[@＠])?{AUTHORITY}|{_PROFILE}{_REST}"
ACCOUNT = ValueKind(
    "a handle like alice.bsky.social, a DID, or the URL of a profile at bsky.app",
    _matching(AUTHORITY, _identifier),
    _ACCOUNT_FORMS,
)
LANGUAGE = ValueKind("a language code like en or pt-BR", _matching(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*"))
# No control characters: lake.query.filter_sql joins the elements of a list by line breaks.
HASHTAG = ValueKind("a hashtag like #lake", _matching(r"[^\x00-\x1f\x7f]+", lambda text: text.strip().lstrip("#＃ ")))
DOMAIN = ValueKind("a domain like example.com", _matching(r"[^\s\x00-\x1f/:@?#,]+", lambda text: text.strip(" .")))
LABEL = ValueKind(
    "a label like toxic, with a score from 0 to 1 like toxic>=0.7, with a model like toxic@model-x>0.5, or with a "
    "value like lang=ja",
    wanted.canonical,
)
SELF_LABEL = ValueKind("an author's own label like porn", _matching(r"[^\x00-\x1f\x7f]+"))
LINK = ValueKind("a link or its beginning like example.com/page", _matching(r"\S+"))
SUBJECT = ValueKind(
    "a URI like at://did:plc:abc/app.bsky.feed.post/xyz, its URL at bsky.app, a DID or a handle",
    _matching(f"{AUTHORITY}|{SUBJECT_URI}", _identifier),
    f"{_ACCOUNT_FORMS}|{SUBJECT_URI}|{_PROFILE}/(?:{'|'.join(_COLLECTIONS)})/{_KEY}{_REST}",
)
_POST_URI = rf"at://{AUTHORITY}/app\.bsky\.feed\.post/{RECORD_KEY}"
POST = ValueKind(
    "AT-URIs of posts like at://did:plc:abc/app.bsky.feed.post/xyz, or their URLs at bsky.app",
    _matching(_POST_URI, _identifier),
    f"{_POST_URI}|{_PROFILE}/post/{_KEY}{_REST}",
)
ONE_POST = POST._replace(
    takes="the AT-URI of a post like at://did:plc:abc/app.bsky.feed.post/xyz, or its URL at bsky.app"
)
_RECORD_URI = rf"at://{AUTHORITY}/{NSID}/{RECORD_KEY}"
RECORD = ValueKind(
    "AT-URIs of records like at://did:plc:abc/app.bsky.feed.like/xyz, or their URLs at bsky.app",
    _matching(_RECORD_URI, _identifier),
    f"{_RECORD_URI}|{_PROFILE}/(?:{'|'.join(_COLLECTIONS)})/{_KEY}{_REST}",
)
START = ValueKind(_TAKES_TIME, lambda text: iso(parse_timestamp(text)))
END = ValueKind(_TAKES_TIME, lambda text: iso(parse_timestamp(text, end_of_day=True)))
