"""What a request asks, taken from its query string byte by byte: nothing is repaired or dropped silently."""

from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from django.http import HttpRequest


class Asked(NamedTuple):
    """Parameters that have a value (`start=` is as good as no start), and what is wrong with the others, by name."""

    values: dict[str, str]
    faults: dict[str, list[str]]


def asked(request: HttpRequest) -> Asked:
    values: dict[str, str] = {}
    faults: dict[str, list[str]] = {}
    seen: set[str] = set()
    for pair in request.META.get("QUERY_STRING", "").encode("latin-1").split(b"&"):
        raw_name, _, raw_value = pair.partition(b"=")
        name = _decoded(raw_name).decode(errors="replace")
        if name in seen:
            faults[name] = ["is given more than once."]
        seen.add(name)
        try:
            value = _decoded(raw_value).decode()
        except UnicodeDecodeError:
            faults.setdefault(name, ["is not UTF-8."])
            value = "?"  # whatever it is, it is there
        if value or (raw_name and b"=" not in pair):
            values[name] = value
    return Asked(values, faults)


def _decoded(raw: bytes) -> bytes:
    return unquote_to_bytes(raw.replace(b"+", b" "))
