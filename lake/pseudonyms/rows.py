"""Rows and answers with pseudonyms: which columns hold names, which text, which JSON."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lake.pseudonyms.names import Pseudonyms, Values

# What is in no list is text: so are columns that are to come.
URIS = (
    "id",
    "did",
    "subject",
    "reply_root",
    "reply_parent",
    "quote",
    "mentions",
    "root",
    "asked",
    "uri",
    "deleted",
    "purged",
    "unknown",
)
ACCOUNTS = ("username", "handle")
REFERENCES = ("via",)
DOCUMENTS = ("record",)
CIDS = ("cid", "subject_cid")  # which find their records: left out
KEPT = ("timestamp", "seen_at", "start", "active", "operation", "state", "media", "kind")
URL = "url"
POST_URL = "https://bsky.app/profile/{}/post/{}"


def kind_of(column: str) -> str:
    kinds = {
        "uris": URIS,
        "accounts": ACCOUNTS,
        "documents": DOCUMENTS,
        "references": REFERENCES,
        "cids": CIDS,
        "kept": KEPT,
    }
    return next((kind for kind, names in kinds.items() if column in names), "texts")


def maker(names: Pseudonyms, kind: str) -> Callable[[Any], list[Any]]:
    """Makes pseudonyms of many values."""
    makers: dict[str, Callable[[Any], list[Any]]] = {
        "uris": names.uris,
        "accounts": names.accounts,
        "documents": names.documents,
        "references": names.references,
        "cids": lambda values: [None] * len(values),
        "kept": list,
    }
    return makers.get(kind, names.texts)


def replaced(names: Pseudonyms, answer: Any) -> Any:
    """An answer with pseudonyms, as JSON has it."""
    names.texts([text for column, text in _strings(answer) if kind_of(column) == "texts"])  # one look-up of all handles
    return _replaced(names, answer, "")


def _strings(value: Any, column: str = "") -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield column, value
        case list() | tuple():
            for one in value:
                yield from _strings(one, column)
        case Mapping():
            for name, one in value.items():
                yield from _strings(one, name)


def _replaced(names: Pseudonyms, value: Any, column: str) -> Any:
    match value:
        case str():
            return maker(names, kind_of(column))(_one(value))[0]
        case list() | tuple():
            return [_replaced(names, one, column) for one in value]
        case Mapping():
            row = {name: _replaced(names, one, name) for name, one in value.items() if name != "username"}
            return row | ({"username": row.get("did", row.get("value"))} if "username" in value else {})
    return value


def _one(value: str) -> Values:
    return [value]
