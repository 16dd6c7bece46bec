"""One row of an answer, of any dataset: its fields, and the SQL that selects them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from lake.query.spec import Search, SortKey
from lake.schema import Dataset
from lake.storage import derived_cids
from process.instants import iso_us

Version = tuple[str, str, str, str]  # did, collection, rkey, rev

_SUBJECT = {"cid": "cid", "subject": "subject_uri", "subject_cid": "subject_cid", "via": "via"}
_ACCOUNT = {"cid": "cid", "subject": "subject", "via": "via"}

# What the author says of the post: the values of its labels, which are JSON as it came.
_SELF_LABELS = "list_filter(json_extract_string(labels, '$.values[*].val'), lambda x: x IS NOT NULL)"

LABELLED_AT = "labelled_at"
LABELLED_US = "epoch_us(labelled_at)"

# The fields of each dataset besides COMMON_FIELDS: their names in the answer, and the columns that hold them, or SQL.
FIELDS: dict[str, dict[str, str]] = {
    "posts": {
        "text": "text",
        "langs": "langs",
        "cid": "cid",
        "reply_root": "reply_root_uri",
        "reply_parent": "reply_parent_uri",
        "quote": "quote_uri",
        **{name: name for name in ("links", "hashtags", "mentions", "media", "alt")},
        "self_labels": _SELF_LABELS,
    },
    "likes": _SUBJECT,
    "reposts": _SUBJECT,
    "follows": _ACCOUNT,
    "blocks": _ACCOUNT,
    "profiles": {name: name for name in ("display_name", "description", "cid")},
    "records": {name: name for name in ("collection", "record", "cid")},
    "deletes": {"collection": "collection"},
    "accounts": {name: name for name in ("kind", "handle", "active", "status")},
    "labels": {**{name: name for name in ("name", "score", "value", "model", "version")}, LABELLED_AT: LABELLED_US},
}
COMMON_FIELDS = ("id", "did", "username", "timestamp", "seen_at")


class Hit(NamedTuple):
    """Times are microseconds since 1970, UTC. `created_us`: None when the author's createdAt is no date. `fields`: by
    the names of FIELDS."""

    key: SortKey
    rev: str
    seen_us: int
    created_us: int | None
    state: str | None
    state_us: int | None
    fields: Mapping[str, Any]

    @property
    def did(self) -> str:
        return self.key.did

    @property
    def collection(self) -> str:
        return self.key.collection

    @property
    def version(self) -> Version:
        return self.key.did, self.collection, self.key.rkey, self.rev

    @property
    def uri(self) -> str:
        return f"at://{self.key.did}" + (f"/{self.collection}/{self.key.rkey}" if self.collection else "")

    @property
    def seen_at(self) -> str:
        return iso_us(self.seen_us)

    @property
    def timestamp(self) -> str | None:
        return None if self.created_us is None else iso_us(self.created_us)


def collection_sql(dataset: Dataset, row: str = "") -> str:
    """SQL of a row's collection, empty for account events. `row`: what its columns are qualified by, as `row.`"""
    if dataset.collection:
        return f"'{dataset.collection}'"
    return f"{row}collection" if "collection" in dataset.names else "''"


def uri_sql(dataset: Dataset) -> str:
    """SQL of a row's AT-URI, as Hit.uri has it."""
    path = "" if dataset.name == "accounts" else f", '/', {collection_sql(dataset)}, '/', rkey"
    return f"concat('at://', did{path})"


def select_list(search: Search) -> str:
    """The SELECT list that to_hit() takes."""
    return ", ".join((select_key(search), _whole_row(search.of), *FIELDS[search.dataset].values()))


def select_key(search: Search) -> str:
    """The SELECT list that to_key_hit() takes."""
    common = "coalesce(rev, ''), epoch_us(seen), epoch_us(created_at), state, epoch_us(state_seen)"
    return ", ".join((*key_sql(search).values(), common))


def key_sql(search: Search) -> dict[str, str]:
    """SQL of a row's SortKey, by its names."""
    order = {"collection": collection_sql(search.of), **search.of.order}
    return {"us": f"epoch_us({search.time})", **{name: order[name] for name in SortKey._fields[1:]}}


def _whole_row(dataset: Dataset) -> str:
    """SQL of the whole row where its CID must be derived from it."""
    if not derived_cids.are_derived(dataset):
        return "NULL"
    whole = ", ".join(f"'{column.name}': {column.name}::{column.type}" for column in dataset.in_every_file)
    return f"CASE WHEN cid IS NULL THEN {{{whole}}} END"


def to_hit(search: Search, row: tuple[Any, ...]) -> Hit:
    key, row = SortKey(*row[: len(SortKey._fields)]), row[len(SortKey._fields) :]
    rev, seen_us, created_us, state, state_us, whole, *fields = row
    named = dict(zip(FIELDS[search.dataset], fields, strict=True))
    if "cid" in named:
        named["cid"] = derived_cids.cid(search.dataset, whole) if whole else named["cid"] or None
    if named.get(LABELLED_AT) is not None:
        named[LABELLED_AT] = iso_us(named[LABELLED_AT])
    return Hit(key, rev, seen_us, created_us, state, state_us, named)


def to_key_hit(_: Search, row: tuple[Any, ...]) -> Hit:
    """Without fields."""
    rev, seen_us, created_us, state, state_us = row[len(SortKey._fields) :]
    return Hit(SortKey(*row[: len(SortKey._fields)]), rev, seen_us, created_us, state, state_us, {})
