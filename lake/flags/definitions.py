"""The flags, which an administrator changes while everything runs: defaults, meaning and bounds. Pure.

settings.py passes them to django-constance.
"""

from typing import Any, NamedTuple

from django.core.exceptions import ValidationError

from lake.labelfilter.thresholds import parse_thresholds

MAX_LIMIT = 1000  # rows of a page, whatever the flags say: a page is held in memory

Value = bool | int | float | str


class Flags(NamedTuple):
    """Values of one read; by default those that a new service starts with."""

    result_limit: bool = True
    result_limit_rows: int = 1000
    page_size: int = 50
    export_enabled: bool = True
    export_limit_rows: int = 0
    query_timeout_seconds: float = 30.0
    anonymous_access: bool = True
    anonymous_rate: int = 1200
    hide_deleted: bool = True
    purge_deleted: bool = True
    label_thresholds: str = "0.5"
    honor_no_unauthenticated: bool = True


class Definition(NamedTuple):
    """`low`, `high`: the least and the greatest value of a number."""

    meaning: str
    low: float = 0
    high: float = 1


DEFINITIONS: dict[str, Definition] = {
    "result_limit": Definition(
        "On: page and limit reach only the first result_limit_rows hits of a search; tokens reach all."
    ),
    "result_limit_rows": Definition("Hits that page x limit may reach while result_limit is on.", 1, 1_000_000),
    "page_size": Definition(f"Hits per page when a request has no limit, at most {MAX_LIMIT}.", 1, MAX_LIMIT),
    "export_enabled": Definition("Off: new exports are refused; running ones finish."),
    "export_limit_rows": Definition("An export ends after so many rows; 0: no limit.", 0, 1_000_000_000_000),
    "query_timeout_seconds": Definition(
        "Time limit of a query in seconds. Once it is changed here, QUERY_TIMEOUT_SECONDS has no effect.", 0.05, 600
    ),
    "anonymous_access": Definition("Off: every request to the API needs an API key."),
    "anonymous_rate": Definition(
        "Requests a minute of one address (IPv6: one /64) without an API key; 0: no limit.", 0, 1_000_000
    ),
    "hide_deleted": Definition("Off: searches also show deleted and replaced posts until they are purged."),
    "purge_deleted": Definition(
        "On: the compactor removes deleted text from the files for good. Off: it stays on the disk, hidden."
    ),
    "label_thresholds": Definition(
        "Scores from which on a post has a label, where a search names no score: one for all labels, then those of "
        "single ones, as in 0.5, toxic 0.7, political 0.6."
    ),
    "honor_no_unauthenticated": Definition(
        "On: accounts whose profile has the label !no-unauthenticated show only to who has an API key or is logged in."
    ),
}


def validated(name: str, value: Any) -> Value | None:
    """The value in the flag's type; None when it is of another type, or out of bounds."""
    kind, (_, low, high) = type(Flags._field_defaults[name]), DEFINITIONS[name]
    if kind is str:
        return value if isinstance(value, str) and not _fault(value) else None
    if type(value) in ((int, float) if kind is float else (kind,)) and low <= value <= high:
        number: Value = kind(value)
        return number
    return None


def _fault(text: str) -> str:
    """Of thresholds; empty if there is none."""
    try:
        parse_thresholds(text)
    except ValueError as error:
        return str(error)
    return ""


def _validate(text: str) -> None:
    if fault := _fault(text):
        raise ValidationError(f"{fault[0].upper()}{fault[1:]}.")


def constance_config(query_timeout_seconds: float) -> dict[str, tuple[Value, str, type[bool] | str]]:
    """CONSTANCE_CONFIG: default, help text and field by name."""
    defaults = Flags(query_timeout_seconds=query_timeout_seconds)._asdict()
    return {
        name: (default, DEFINITIONS[name].meaning, bool if isinstance(default, bool) else name)
        for name, default in defaults.items()
    }


def constance_fields() -> dict[str, list[Any]]:
    """CONSTANCE_ADDITIONAL_FIELDS: one for each number, with its bounds, and for the text."""
    fields = {int: "django.forms.IntegerField", float: "django.forms.FloatField"}
    text = ["django.forms.CharField", {"max_length": 1000, "required": False, "validators": [_validate]}]
    return {"label_thresholds": text} | {
        name: [fields[type(default)], {"min_value": DEFINITIONS[name].low, "max_value": DEFINITIONS[name].high}]
        for name, default in Flags._field_defaults.items()
        if type(default) in fields
    }
