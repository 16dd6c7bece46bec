"""The token of the next page: where it begins, the snapshot it belongs to, and what was counted already.

Opaque and signed. It is bound to its query, so that it can't be used with another by mistake.
"""

import hashlib
import json
from typing import Any, NamedTuple

from django.core import signing

from lake.query.spec import ResumePoint, saved_key
from lake.schema import DATASETS

_SALT, _PLACE_SALT = "page", "place"
_NOT_OURS = "is not a token of this service: copy it unchanged from meta.next, or leave it out to start over"
_BOUND_ELSEWHERE = "belongs to another query: repeat all parameters of the page that it came from"
FREE = {"token", "page", "limit", "total", "fields"}  # may differ from page to page


class BadToken(ValueError):
    """The message says what to do."""


class Token(NamedTuple):
    """`snapshot_us`: of the first page. Rows and versions seen later do not exist for the pages after it. `total`,
    `relation`: as counted on the first page, None when it was not. `before`: hits of all pages before. `removed`: as
    meta.removed_since of the first page. `code`: with pseudonyms, in place of the key in `start`."""

    start: ResumePoint
    snapshot_us: int
    page: int
    total: int | None
    relation: str | None
    before: int
    removed: int | None = 0
    code: str | None = None


def encode(token: Token, query: str) -> str:
    """`query`: its fingerprint()."""
    at, after = token.start
    return signing.dumps([query, at, after, *token[1:]], salt=_SALT, compress=True)


def decode(text: str, query: str, dataset: str) -> Token:
    """Raises BadToken."""
    try:
        bound, at, after, *rest = signing.loads(text, salt=_SALT)
        key = None if after is None else saved_key(after, DATASETS[dataset])
        token = Token(ResumePoint(at, key), *rest)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise BadToken(_NOT_OURS) from error
    if bound != query:
        raise BadToken(_BOUND_ELSEWHERE)
    if after is not None and key is None:
        raise BadToken("was made by an older version of this service: leave it out to start over")
    return token


def encode_place(place: tuple[int, str], snapshot_us: int, query: str) -> str:
    """Of a list of values: where its next page begins."""
    return signing.dumps([query, *place, snapshot_us], salt=_PLACE_SALT, compress=True)


def decode_place(text: str, query: str) -> tuple[tuple[int, str], int]:
    """The place and the snapshot. Raises BadToken."""
    try:
        bound, less, value, snapshot_us = signing.loads(text, salt=_PLACE_SALT)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise BadToken(_NOT_OURS) from error
    if bound != query:
        raise BadToken(_BOUND_ELSEWHERE)
    return (less, value), snapshot_us


def fingerprint(values: dict[str, list[str]]) -> str:
    """Equal for the same query, whatever the order of its parameters."""
    bound: dict[str, Any] = {name: sorted(texts) for name, texts in values.items() if name not in FREE and any(texts)}
    return hashlib.sha256(json.dumps(bound, sort_keys=True).encode()).hexdigest()[:16]
