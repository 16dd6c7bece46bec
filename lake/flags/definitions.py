"""The flags: what an administrator switches while all runs. Their bounds, and what a stored text means.

The names, kinds and bounds are here only: settings.py makes the admin's form of them.
"""

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import structlog
from django.conf import settings

log = structlog.get_logger("lake")

MAX_LIMIT = 1000  # rows a page, whatever the flags say: a page is held in memory

Value = bool | int | float


class Flags(NamedTuple):
    """As of one reading."""

    result_limit: bool
    result_limit_rows: int
    page_size: int
    export_enabled: bool
    export_limit_rows: int
    query_timeout_seconds: float
    anonymous_access: bool
    anonymous_rate: int
    hide_deleted: bool
    purge_deleted: bool


class Definition(NamedTuple):
    """`default`: its type is the flag's; None: settings.QUERY_TIMEOUT_SECONDS. `low`, `high`: True is 1."""

    default: Value | None
    meaning: str
    low: float = 0
    high: float = 1

    @property
    def kind(self) -> type[Value]:
        return float if self.default is None else type(self.default)


DEFINITIONS: dict[str, Definition] = {
    "result_limit": Definition(
        True, "On: a search reaches only the first result_limit_rows hits by page and limit; a token goes further."
    ),
    "result_limit_rows": Definition(1000, "Hits that page x limit may reach while result_limit is on.", 1, 1_000_000),
    "page_size": Definition(50, f"Hits a page when a reader gives no limit, at most {MAX_LIMIT}.", 1, MAX_LIMIT),
    "export_enabled": Definition(True, "Off: exports are refused. Those that run go on to their end."),
    "export_limit_rows": Definition(
        0, "An export ends after so many rows; 0: with its last hit.", 0, 1_000_000_000_000
    ),
    "query_timeout_seconds": Definition(
        None, "Time limit of one query in seconds. Wins over QUERY_TIMEOUT_SECONDS once it is changed here.", 0.05, 600
    ),
    "anonymous_access": Definition(True, "Off: every request to the API needs an API key."),
    "anonymous_rate": Definition(
        1200, "Requests a minute from one address (IPv6: one /64) without an API key. 0: no limit.", 0, 1_000_000
    ),
    "hide_deleted": Definition(
        True, "Off: searches also show deleted and replaced posts, as far as they are not purged yet."
    ),
    "purge_deleted": Definition(
        True, "On: the compactor removes deleted text from the files for good. Off: it stays on the disk, hidden."
    ),
}


def form(query_timeout_seconds: float) -> dict[str, tuple[Value, str, type[bool] | str]]:
    """What the admin's form shows, in the library's terms: default, text and kind of field, by name."""
    return {
        name: (
            query_timeout_seconds if flag.default is None else flag.default,
            flag.meaning,
            bool if flag.kind is bool else name,
        )
        for name, flag in DEFINITIONS.items()
    }


def form_fields() -> dict[str, list[Any]]:
    """The kinds of field that form() names: one for each number, with its bounds."""
    fields = {int: "django.forms.IntegerField", float: "django.forms.FloatField"}
    return {
        name: [fields[flag.kind], {"min_value": flag.low, "max_value": flag.high}]
        for name, flag in DEFINITIONS.items()
        if flag.kind is not bool
    }


def flags() -> Flags:
    """All of them in one query. Raises DatabaseError when the catalog can't be read."""
    from constance.models import Constance  # not at the top: settings.py reads this module before there are models

    return Flags(**effective(dict(Constance.objects.values_list("key", "value"))))  # 0.2 ms


def effective(stored: Mapping[str, str | None]) -> dict[str, Any]:
    """What the stored texts mean, and for the rest the defaults: a text that is none of ours never stops a search."""
    found = {name: understood(name, stored[name]) if name in stored else None for name in DEFINITIONS}
    return {name: default(name) if value is None else value for name, value in found.items()}


def default(name: str) -> Value:
    value = DEFINITIONS[name].default
    return float(settings.QUERY_TIMEOUT_SECONDS) if value is None else value


@lru_cache(256)  # so that a wrong text is logged once, not once a request
def understood(name: str, text: str | None) -> Value | None:
    """None, and a line in the log, when it is no value that this flag may have."""
    definition = DEFINITIONS[name]
    value = _decoded(text)
    if definition.kind is float and type(value) is int:
        value = float(value)
    if type(value) is definition.kind and definition.low <= value <= definition.high:
        return value
    log.warning("flag has no valid value, its default holds", flag=name, stored=str(text)[:100])
    return None


def _decoded(text: str | None) -> Value | None:
    try:
        match json.loads(text or ""):
            case {"__type__": "default", "__value__": bool() | int() | float() as value} if math.isfinite(value):
                return value
    except (ValueError, RecursionError, OverflowError):
        pass
    return None
