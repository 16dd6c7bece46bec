"""What a request asks, taken from its query string byte by byte: nothing is repaired or dropped silently."""

from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from django.http import HttpRequest


class Asked(NamedTuple):
    """Parameters by name, and what is wrong with them before anything is known of their meaning."""

    values: dict[str, str]
    faults: dict[str, list[str]]


def asked(request: HttpRequest) -> Asked:
    values: dict[str, str] = {}
    faults: dict[str, list[str]] = {}
    for pair in filter(None, request.META.get("QUERY_STRING", "").encode("latin-1").split(b"&")):
        raw_name, _, raw_value = pair.partition(b"=")
        name, value = _decoded(raw_name).decode(errors="replace"), _decoded(raw_value)
        if name in values:
            faults[name] = ["is given more than once."]
        values[name] = value.decode(errors="replace")
        if values[name].encode() != value:
            faults.setdefault(name, ["is not UTF-8."])
    return Asked(values, faults)


def _decoded(raw: bytes) -> bytes:
    return unquote_to_bytes(raw.replace(b"+", b" "))
