"""The values of a request: its query string, or the JSON of its body. Nothing is repaired or dropped silently."""

import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, UnreadablePostError

BODY = "body"
MAX_DRAINED = 64 << 20  # bytes
LONG_BODY = 10_000_000  # bytes, of what takes 100,000 URIs; deploy/caddy lets no more through
KINDS = {str: "string", int: "number", float: "number", bool: "boolean", list: "list"}


class RequestValues(NamedTuple):
    """Values by parameter, as text, and the faults that show before their meaning is known. `kinds`: the JSON types
    of those that came as JSON."""

    values: dict[str, list[str]]
    faults: dict[str, list[str]]
    kinds: dict[str, str] = {}


def read_request(request: HttpRequest, most: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE) -> RequestValues:
    """Raises RequestDataTooBig for a body of more than `most` bytes, UnreadablePostError for a cut one."""
    query = _from_query(request.META.get("QUERY_STRING", "").encode("latin-1"))
    if request.method != "POST":
        return query
    body = _from_body(_body(request, most))
    misplaced = {name: ["is in the query string: in a POST it belongs into the JSON."] for name in query.values}
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
            faults[name] = ["is not valid UTF-8."]
    return RequestValues(values, faults)


def _decoded(raw: bytes) -> bytes:
    return unquote_to_bytes(raw.replace(b"+", b" "))


def _body(request: HttpRequest, most: int) -> bytes:
    """Too large a body is read nevertheless, up to MAX_DRAINED: a client that is still sending reads no answer."""
    try:
        if "HTTP_TRANSFER_ENCODING" in request.META:
            return _chunks(request, most)
        return request.read() if _is_long(request, most) else request.body
    except RequestDataTooBig:
        left = min(int(request.META.get("CONTENT_LENGTH") or MAX_DRAINED), MAX_DRAINED)
        with suppress(Exception):  # then the client has gone
            while left > 0 and (part := request.META["wsgi.input"].read(min(left, 1 << 16))):
                left -= len(part)
        raise


def _is_long(request: HttpRequest, most: int) -> bool:
    """Whether it has more bytes than Django takes of a body, and no more than may be."""
    size = int(request.META.get("CONTENT_LENGTH") or 0)
    return settings.DATA_UPLOAD_MAX_MEMORY_SIZE < size <= most


def _chunks(request: HttpRequest, most: int) -> bytes:
    """A chunked body: Django takes one without a Content-Length for empty."""
    try:
        raw: bytes = request.META["wsgi.input"].read(most + 1)
    except Exception as error:  # each web server has its own
        raise UnreadablePostError(*error.args) from error
    if len(raw) > most:
        raise RequestDataTooBig
    return raw


def _from_body(raw: bytes) -> RequestValues:
    """A JSON object of strings, numbers, true, false, lists of strings, and null, which counts as absent."""
    body, fault = _object(raw)
    if fault:
        return RequestValues({}, {BODY: [fault]})
    values = RequestValues({}, {}, {})
    for name, value in ((_named(name), value) for name, value in body.items()):
        if value is None:
            values.values[name] = []
            continue
        values.kinds[name] = KINDS.get(type(value), "JSON object")
        try:
            values.values[name] = [_text(item) for item in value] if isinstance(value, list) else _scalar(value)
        except ValueError as error:
            values.values[name], values.faults[name] = [], [str(error)]
    return values


def read_json(request: HttpRequest) -> tuple[dict[str, Any], str]:
    """The JSON object of a POST whatever it holds, and why it is none. Raises as read_request()."""
    return _object(_body(request, settings.DATA_UPLOAD_MAX_MEMORY_SIZE))


def _object(raw: bytes) -> tuple[dict[str, Any], str]:
    try:
        body = json.loads(raw.decode() or "{}", object_pairs_hook=_pairs, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        return {}, f"is not valid JSON: {_reason(error)}."
    return (body, "") if isinstance(body, dict) else ({}, 'must be a JSON object, such as {"text": "lake"}.')


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
        raise ValueError("must be a list of strings.")  # noqa: TRY004
    if _named(value) != value:
        raise ValueError("has an unpaired surrogate, which is not Unicode text: remove it.")
    return value


def _named(name: str) -> str:
    """With U+FFFD for an unpaired surrogate, which no answer could repeat."""
    return name.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _reason(error: Exception) -> str:
    """The parser's message, without what it quotes of the body."""
    match error:
        case UnicodeDecodeError():
            return f"it is not UTF-8 at byte {error.start}"
        case RecursionError():
            return "it is nested too deeply"
        case json.JSONDecodeError():
            return f"{error.msg} at character {error.pos + 1}"
    return str(error)[:200]


def _pairs(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise ValueError(f"the name {name[:100]!r} occurs twice")
        members[name] = value
    return members


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")
