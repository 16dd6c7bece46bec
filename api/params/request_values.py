"""What a request asks: its query string, or the JSON of its body, taken as it is: nothing is repaired or dropped
silently."""

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, UnreadablePostError

BODY = "body"
MOST_DRAINED = 64 << 20  # bytes
KINDS = {str: "string", int: "number", float: "number", bool: "boolean", list: "list"}


class RequestValues(NamedTuple):
    """Parameters by name, each with its values as text, and what is wrong with them before anything is known of their
    meaning. `kinds`: of those that came as JSON, what they are there."""

    values: dict[str, list[str]]
    faults: dict[str, list[str]]
    kinds: dict[str, str] = {}


def read_request(request: HttpRequest) -> RequestValues:
    """Raises RequestDataTooBig for a body beyond DATA_UPLOAD_MAX_MEMORY_SIZE, UnreadablePostError for a part of one."""
    query = _from_query(request.META.get("QUERY_STRING", "").encode("latin-1"))
    if request.method != "POST":
        return query
    body = _from_body(_body(request))
    misplaced = {name: ["stands in the address: in a POST it belongs into the JSON."] for name in query.values}
    return body._replace(faults=body.faults | misplaced)


def _from_query(raw: bytes) -> RequestValues:
    values: dict[str, list[str]] = {}
    faults: dict[str, list[str]] = {}
    for pair in filter(None, raw.split(b"&")):
        raw_name, _, raw_value = pair.partition(b"=")
        name, value = _decoded(raw_name).decode(errors="replace"), _decoded(raw_value)
        text = value.decode(errors="replace")
        values.setdefault(name, []).append(text)
        if text.encode() != value:
            faults[name] = ["is not UTF-8: encode it as such."]
    return RequestValues(values, faults)


def _decoded(raw: bytes) -> bytes:
    return unquote_to_bytes(raw.replace(b"+", b" "))


def _body(request: HttpRequest) -> bytes:
    """What is too large is read nevertheless, up to a point: who is still sending would not see our answer."""
    try:
        return _chunks(request) if "HTTP_TRANSFER_ENCODING" in request.META else request.body
    except RequestDataTooBig:
        left = min(int(request.META.get("CONTENT_LENGTH") or MOST_DRAINED), MOST_DRAINED)
        with suppress(Exception):  # then nobody waits for it
            while left > 0 and (part := request.META["wsgi.input"].read(min(left, 1 << 16))):
                left -= len(part)
        raise


def _chunks(request: HttpRequest) -> bytes:
    """Django takes a body without a Content-Length for an empty one."""
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    try:
        raw: bytes = request.META["wsgi.input"].read(most + 1)
    except Exception as error:  # each web server has its own
        raise UnreadablePostError(*error.args) from error
    if len(raw) > most:
        raise RequestDataTooBig
    return raw


def _from_body(raw: bytes) -> RequestValues:
    """An object of strings, numbers, true, false, null (as good as absent) and lists of strings."""
    try:
        found = json.loads(raw.decode() or "{}", object_pairs_hook=_pairs, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        return RequestValues({}, {BODY: [f"is no JSON: {_told(error)}."]})
    if not isinstance(found, dict):
        return RequestValues({}, {BODY: ['must be a JSON object, such as {"text": "lake"}.']})
    values = RequestValues({}, {}, {})
    for name, value in ((_named(name), value) for name, value in found.items()):
        if value is None:
            values.values[name] = []
            continue
        values.kinds[name] = KINDS.get(type(value), "JSON object")
        try:
            values.values[name] = [_text(item) for item in value] if isinstance(value, list) else _scalar(value)
        except ValueError as error:
            values.values[name], values.faults[name] = [], [str(error)]
    return values


def _scalar(value: Any) -> list[str]:
    match value:
        case bool():
            return [str(value).lower()]
        case int():
            return [str(value)]
        case float():
            return [str(int(value)) if value.is_integer() else str(value)]
        case str():
            return [_text(value)]
    return []


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must have nothing but strings in its list.")  # noqa: TRY004
    if _named(value) != value:
        raise ValueError("has half of a surrogate pair, which is no Unicode: leave it out.")
    return value


def _named(name: str) -> str:
    """With U+FFFD for half a surrogate pair, which no answer could repeat."""
    return name.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _told(error: Exception) -> str:
    """What the parser says, without what it quotes of the body."""
    match error:
        case UnicodeDecodeError():
            return f"it is not UTF-8 at byte {error.start}"
        case RecursionError():
            return "it is too deep"
        case json.JSONDecodeError():
            return f"{error.msg} at character {error.pos + 1}"
    return str(error)[:200]


def _pairs(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the name {name[:100]!r} is there twice")
        found[name] = value
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")
