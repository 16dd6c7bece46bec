"""What a hit is: one row of the answer, of any dataset."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from lake.query.spec import Search, SortKey
from lake.schema import Dataset
from lake.storage import derived_cids
from process.instants import iso_us

_SUBJECT = {"cid": "cid", "subject": "subject_uri", "subject_cid": "subject_cid", "via": "via"}
_ACCOUNT = {"cid": "cid", "subject": "subject", "via": "via"}

# What a hit of each dataset tells beside who and when: names of the answer, columns of the lake.
FIELDS: dict[str, dict[str, str]] = {
    "posts": {
        "text": "text",
        "langs": "langs",
        "cid": "cid",
        "reply_root": "reply_root_uri",
        "reply_parent": "reply_parent_uri",
        "quote": "quote_uri",
        **{name: name for name in ("links", "hashtags", "mentions", "media")},
    },
    "likes": _SUBJECT,
    "reposts": _SUBJECT,
    "follows": _ACCOUNT,
    "blocks": _ACCOUNT,
    "profiles": {name: name for name in ("display_name", "description", "cid")},
    "records": {name: name for name in ("collection", "record", "cid")},
    "deletes": {"collection": "collection"},
    "accounts": {name: name for name in ("kind", "handle", "active", "status")},
}


COMMON_FIELDS = ("id", "did", "username", "timestamp", "seen_at")


class Hit(NamedTuple):
    """Times are microseconds since 1970, UTC; `created_us` is None when the author's createdAt is no date. `fields`:
    what its dataset's FIELDS name."""

    key: SortKey
    rev: str
    seen_us: int
    created_us: int | None
    state: str | None
    state_us: int | None
    collection: str
    fields: Mapping[str, Any]

    @property
    def did(self) -> str:
        return self.key.did

    @property
    def version(self) -> tuple[str, str, str]:
        """What its tombstones are looked up by."""
        return self.key.did, self.key.rkey, self.rev

    @property
    def uri(self) -> str:
        return f"at://{self.key.did}" + (f"/{self.collection}/{self.key.rkey}" if self.collection else "")

    @property
    def seen_at(self) -> str:
        return iso_us(self.seen_us)

    @property
    def timestamp(self) -> str | None:
        return None if self.created_us is None else iso_us(self.created_us)


def collection_sql(dataset: Dataset) -> str:
    """SQL of a row's collection; an account event has none."""
    if dataset.collection:
        return f"'{dataset.collection}'"
    return "collection" if "collection" in dataset.names else "''"


def uri_sql(dataset: Dataset) -> str:
    """SQL of a row's AT-URI, as Hit.uri has it."""
    path = "" if dataset.name == "accounts" else f", '/', {collection_sql(dataset)}, '/', rkey"
    return f"concat('at://', did{path})"


def select_list(search: Search) -> str:
    """The SELECT list that `hit` takes."""
    times = f"epoch_us({search.time}), {', '.join(search.of.order)}"
    common = "coalesce(rev, ''), epoch_us(seen), epoch_us(created_at), state, epoch_us(state_seen)"
    return ", ".join((times, common, collection_sql(search.of), _left_out(search.of), *FIELDS[search.dataset].values()))


def _left_out(dataset: Dataset) -> str:
    """SQL of the whole row where its CID is to be made of it."""
    if not derived_cids.are_derived(dataset):
        return "NULL"
    whole = ", ".join(f"'{column.name}': {column.name}::{column.type}" for column in dataset.columns)
    return f"CASE WHEN cid IS NULL THEN {{{whole}}} END"


def to_hit(search: Search, row: tuple[Any, ...]) -> Hit:
    us, did, rkey, version, rev, seen_us, created_us, state, state_us, collection, whole, *fields = row
    key = SortKey(us, did, rkey, version)
    named = dict(zip(FIELDS[search.dataset], fields, strict=True))
    if "cid" in named:
        named["cid"] = derived_cids.cid(search.dataset, whole) if whole else named["cid"] or None
    return Hit(key, rev, seen_us, created_us, state, state_us, collection, named)
