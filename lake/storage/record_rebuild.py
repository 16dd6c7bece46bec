"""From a row of the lake back to the event on the wire, so that any row can be verified against its CID. Pure.

The inverse of lake/flush/sql: the values of the columns, then those of `extra`, which take precedence.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lake.schema import DATASETS
from process.instants import iso, microseconds

Row = Mapping[str, Any]  # columns by name; timestamps as datetime, UTC where they have no zone

# By dataset: the columns that hold values as they are, by key; and the keys whose columns hold them as JSON text.
_PLAIN = {
    "posts": {"text": "text", "langs": "langs"},
    "follows": {"subject": "subject"},
    "blocks": {"subject": "subject"},
    "profiles": {"displayName": "display_name", "description": "description"},
    "accounts": {name: name for name in ("handle", "active", "status", "seq", "time")},
}
_JSON = {
    "posts": ("embed", "facets", "labels", "tags"),
    "likes": ("via",),
    "reposts": ("via",),
    "follows": ("via",),
    "blocks": ("via",),
}


def event(dataset: str, row: Row) -> dict[str, Any]:
    """The event as parsed JSON, without the transport's `cursor`. It equals the parsed frame if that has no fields
    around its record but those of the protocol."""
    extra = json.loads(row["extra"] or "{}")
    if (time_us := extra.pop("$time_us", None)) is None:
        time_us = microseconds(row["seen"])
    kind = row["kind"] if dataset == "accounts" else "commit"
    body = _account(row, extra) if dataset == "accounts" else _commit(dataset, row, extra)
    return {"did": row["did"], "time_us": time_us, "kind": kind, kind: body}


def _account(row: Row, extra: dict[str, Any]) -> Any:
    """The body of an identity or account event; it repeats the DID of the envelope."""
    return _whole("accounts", row, extra, {"did": row["did"]})


def _commit(dataset: str, row: Row, extra: dict[str, Any]) -> dict[str, Any]:
    collection = DATASETS[dataset].collection or row["collection"]
    commit = {"rev": row["rev"], "operation": row["operation"], "collection": collection, "rkey": row["rkey"]}
    if dataset == "records":
        commit["record"] = json.loads(row["record"])
    elif dataset != "deletes":
        commit["record"] = _whole(dataset, row, extra, {"$type": collection})
    elif "$record" in extra:  # a delete that came with a record
        commit["record"] = extra["$record"]
    return commit if row["cid"] is None else {**commit, "cid": row["cid"]}


def _whole(dataset: str, row: Row, extra: dict[str, Any], implied: dict[str, Any]) -> Any:
    """A record or account body: `$record` if `extra` has it whole, else the columns' values, then those of `extra`."""
    if "$record" in extra:
        return extra["$record"]
    plain = {key: row[column] for key, column in _PLAIN.get(dataset, {}).items() if row[column] is not None}
    parsed = {key: json.loads(row[key]) for key in _JSON.get(dataset, ()) if row[key] is not None}
    return {**implied, **plain, **parsed, **_references(dataset, row), **_created(dataset, row), **extra}


def _references(dataset: str, row: Row) -> dict[str, Any]:
    """Strong references, which columns hold in parts. One that does not fit them is in `extra`."""
    if dataset in ("likes", "reposts"):
        return _held({"subject": _reference(row, "subject")})
    if dataset == "posts":
        return _held({"reply": _held({end: _reference(row, f"reply_{end}") for end in ("root", "parent")})})
    return {}


def _reference(row: Row, prefix: str) -> dict[str, Any]:
    return _held({"cid": row[f"{prefix}_cid"], "uri": row[f"{prefix}_uri"]})


def _held(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, {})}


def _created(dataset: str, row: Row) -> dict[str, Any]:
    """createdAt in the form that most clients use; any other form is in `extra`. Account events have none."""
    if dataset == "accounts" or row["created_at"] is None:
        return {}
    return {"createdAt": usual_form(row["created_at"])}


def usual_form(created: datetime) -> str:
    """A time as most clients write it."""
    return iso(created, "milliseconds")
