"""From a row of the lake back to the event as it was on the wire, so that any row can be proven against its CID. Pure.

The inverse of lake/flush/sql: what the columns hold, then what `extra` holds, which wins.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lake.schema import DATASETS
from process.instants import iso, microseconds

Row = Mapping[str, Any]  # columns by name; timestamps as datetime, UTC where they have no zone

# Columns that hold the value of a key of the record as it is, and those that hold it as JSON text.
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
    """The event as parsed JSON, without what belongs to the transport (`cursor`).

    Equal to the parsed frame where the frame has the fields of the protocol and no others around its record."""
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
    elif "$record" in extra:  # a delete has none; should it come with one all the same, it is kept
        commit["record"] = extra["$record"]
    return commit if row["cid"] is None else {**commit, "cid": row["cid"]}


def _whole(dataset: str, row: Row, extra: dict[str, Any], implied: dict[str, Any]) -> Any:
    """A record or a body: `$record` where it fitted no column at all, else what they hold, under what `extra` does."""
    if "$record" in extra:
        return extra["$record"]
    plain = {key: row[column] for key, column in _PLAIN.get(dataset, {}).items() if row[column] is not None}
    parsed = {key: json.loads(row[key]) for key in _JSON.get(dataset, ()) if row[key] is not None}
    return {**implied, **plain, **parsed, **_references(dataset, row), **_created(dataset, row), **extra}


def _references(dataset: str, row: Row) -> dict[str, Any]:
    """The strong references that columns hold in parts. One that is held in part only is whole in `extra`."""
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
    """createdAt in the form that most clients write; any other form is in `extra`. Account events have none."""
    if dataset == "accounts" or row["created_at"] is None:
        return {}
    return {"createdAt": usual_form(row["created_at"])}


def usual_form(moment: datetime) -> str:
    """How most clients write a moment."""
    return iso(moment, "milliseconds")
