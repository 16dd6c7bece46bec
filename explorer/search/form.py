"""The form and its chips, made of the present URL. Pure."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from explorer.search.address import Address
from explorer.search.languages import BY_NAME, language

LAST = {
    "1h": ("hour", timedelta(hours=1)),
    "24h": ("24 hours", timedelta(hours=24)),
    "7d": ("7 days", timedelta(days=7)),
    "30d": ("30 days", timedelta(days=30)),
}
HAS = {"image": "image", "video": "video", "link": "link", "quote": "quoted post", "alt": "image description"}
IS = {"original": "original post", "reply": "reply", "quote": "quote"}
_CHIPS = {
    "username": "author", "did": "author", "lang": "language", "tag": "hashtag", "domain": "domain",
    "mention": "mentions", "url": "link", "subject": "about", "has": "has", "is": "is", "start": "from", "end": "until",
    "dataset": "dataset", "sample": "sample of", "as_of": "as of",
}  # fmt: skip
_ENTERED = ("text", "exact", "start", "end", "clock")  # one visible field each
_LEFT_OUT = ("page", "token", "total")  # another question begins at its first page


class Chip(NamedTuple):
    """A condition of the search. `href`: the search without it."""

    name: str
    value: str
    excludes: bool
    href: str


class Tick(NamedTuple):
    value: str
    label: str
    checked: bool


def form(address: Address) -> dict[str, Any]:
    """What templates/explorer/search_form.html shows."""
    return {
        "text": address.first("text"),
        "exact": address.first("exact").lower() == "true",
        "start": address.first("start"),
        "end": address.first("end"),
        "start_type": _input_type(address.first("start")),
        "end_type": _input_type(address.first("end")),
        "clock": address.first("clock") or "seen",
        "has": _ticks(address, "has", HAS),
        "is": _ticks(address, "is", IS),
        "languages": [(code, name) for code, name in BY_NAME if code not in address.all("lang")],
        "last": [(value, label) for value, (label, _) in LAST.items()],
        "hidden": list(_hidden(address)),
        "chips": list(chips(address)),
    }


def chips(address: Address) -> Iterator[Chip]:
    for name, text in address.pairs:
        if name in _CHIPS:
            value = text.removeprefix("-")
            shown = f"{language(value)} ({value})" if name == "lang" and language(value) != value else value
            yield Chip(_CHIPS[name], shown, text.startswith("-"), address.removing(name, text).at())


def since(last: str, now: datetime) -> str:
    """Where the last hour, day, ... began, to the minute, as a permalink has it."""
    return f"{(now - LAST[last][1]).astimezone(UTC):%Y-%m-%dT%H:%M:00Z}"


def _input_type(value: str) -> str:
    """A date has a calendar; a time, as the timeline and the buttons set it, stays as it is."""
    return "date" if not value or re.fullmatch(r"\d{4}-\d\d-\d\d", value) else "text"


def _ticks(address: Address, name: str, labels: dict[str, str]) -> list[Tick]:
    return [Tick(value, label, value in address.all(name)) for value, label in labels.items()]


def _hidden(address: Address) -> Iterator[tuple[str, str]]:
    """What has no field of its own, so that the form keeps it."""
    ticked = {"has": HAS, "is": IS}
    for name, text in address.pairs:
        if name not in (*_ENTERED, *_LEFT_OUT) and text not in ticked.get(name, ()):
            yield name, text
