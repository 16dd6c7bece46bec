"""The columns of an export: their names, what they mean, and how they come from the lake's."""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from lake.schema import DATASETS, Dataset
from lake.search import hit
from lake.search.hit import COMMON_FIELDS, FIELDS
from lake.storage import derived_cids


class CellType(Enum):
    """What a cell holds. The values are what a manifest says."""

    TEXT = "string"
    LIST = "list of strings"
    TIME = "timestamp, UTC, microseconds"
    BOOLEAN = "boolean"


class ExportColumn(NamedTuple):
    """`sql`: of the lake's columns; empty for what is added to the rows later, handles and CIDs that are left out."""

    name: str
    kind: CellType
    meaning: str
    sql: str


USERNAME = "username"
CID = "cid"
MATCHED = "matched"

_MEANING = {
    "id": "AT-URI of the record; of an account event: of the account",
    "did": "DID of the author",
    USERNAME: "handle of the author when it was exported; null where none is known",
    "timestamp": "when the author says it was created (createdAt); null where that is no date",
    "seen_at": "when the server saw it: the clock of the network",
    "text": "text of the post",
    "langs": "languages as the author says",
    CID: "hash of the record: tells one version from another",
    "reply_root": "AT-URI of the first post of the thread; null when it is no reply",
    "reply_parent": "AT-URI of the post that it replies to",
    "quote": "AT-URI of the record that it quotes",
    "links": "URLs in the text and the card",
    "hashtags": "hashtags without #, from the text, its facets and the tags of the post",
    "mentions": "DIDs of the accounts that it mentions",
    "media": "what it carries: image, video",
    "url": "the post on bsky.app",
    MATCHED: "which of the terms that the query joins by OR the post matches",
    "subject": "AT-URI or DID of what it is of",
    "subject_cid": "which version of the subject it is of",
    "via": "AT-URI of the repost through which it came, as JSON",
    "display_name": "name that the account shows",
    "description": "what the account says of itself",
    "collection": "kind of the record",
    "record": "the record, as JSON",
    "kind": "kind of the event: identity, account or sync",
    "handle": "handle that the event tells",
    "active": "whether the account is active",
    "status": "why it is not",
}


def column_names(dataset: str) -> list[str]:
    """All columns that an export of the dataset may have, in order."""
    return [*COMMON_FIELDS, *FIELDS[dataset], *(["url", MATCHED] if dataset == "posts" else [])]


def export_columns(dataset: str, wanted: Sequence[str], matched: str) -> list[ExportColumn]:
    """Those wanted, in the order of `names`. `matched`: SQL of the list of terms."""
    sql = _sql(DATASETS[dataset]) | {MATCHED: matched}
    return [
        ExportColumn(name, _cell_type(DATASETS[dataset], name), _MEANING[name], sql[name])
        for name in column_names(dataset)
        if name in wanted
    ]


def _sql(dataset: Dataset) -> dict[str, str]:
    own = {"id": hit.uri_sql(dataset), "did": "did", USERNAME: "", "timestamp": "created_at", "seen_at": "seen"}
    later = {CID: ""} if derived_cids.are_derived(dataset) else {}
    return own | FIELDS[dataset.name] | {"url": "concat('https://bsky.app/profile/', did, '/post/', rkey)"} | later


def _cell_type(dataset: Dataset, name: str) -> CellType:
    if name in ("timestamp", "seen_at"):
        return CellType.TIME
    if name == MATCHED:
        return CellType.LIST
    types = {column.name: column.type for column in dataset.columns}
    found = types.get(FIELDS[dataset.name].get(name, ""), "VARCHAR")
    return {"VARCHAR[]": CellType.LIST, "BOOLEAN": CellType.BOOLEAN}.get(found, CellType.TEXT)
