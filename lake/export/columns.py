"""The columns of an export: names, meanings, and their SQL over the lake's columns. Pure."""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from lake.scan import hit
from lake.scan.hit import COMMON_FIELDS, FIELDS
from lake.schema import DATASETS, Dataset
from lake.storage import derived_cids


class CellType(Enum):
    """Of a column's cells, as a manifest names it."""

    TEXT = "string"
    LIST = "list of strings"
    TIME = "timestamp, UTC, microseconds"
    BOOLEAN = "boolean"
    NUMBER = "double"
    LABELS = "list of structs: name, score, value, model, version, labelled_at"


# Of SQL, for columns that a dataset does not have.
_NULL = {
    CellType.TEXT: "VARCHAR",
    CellType.LIST: "VARCHAR[]",
    CellType.TIME: "TIMESTAMP",
    CellType.BOOLEAN: "BOOLEAN",
    CellType.NUMBER: "DOUBLE",
}


class ExportColumn(NamedTuple):
    """`sql`: over the lake's columns; empty for what is added to the rows: handles, CIDs that are derived, labels."""

    name: str
    kind: CellType
    meaning: str
    sql: str


USERNAME = "username"
CID = "cid"
MATCHED = "matched"
LABELS = "labels"
DATASET = "dataset"
_LISTS = ("self_labels", MATCHED)  # that SQL makes, not a column of the lake

_MEANING = {
    "id": "AT-URI of the record; of an account event: of the account",
    DATASET: "kind of the row: posts, likes, ...",
    "did": "DID of the author",
    USERNAME: "handle of the author at the time of the export; null where none is known",
    "timestamp": "createdAt, the time that the author claims; null where that is no date",
    "seen_at": "time at which the server saw it",
    "text": "text of the post",
    "langs": "languages that the author states",
    CID: "hash of the record, which identifies its version",
    "reply_root": "AT-URI of the first post of the thread; null when it is no reply",
    "reply_parent": "AT-URI of the post that this one replies to",
    "quote": "AT-URI of the record that it quotes",
    "links": "URLs in the text and the card",
    "hashtags": "hashtags without #, from the text, its facets and the tags of the post",
    "mentions": "DIDs of the mentioned accounts",
    "media": "attached media: image, video",
    "alt": "descriptions of its images and video",
    "self_labels": "labels that the author put on the post, as porn or graphic-media",
    "url": "the post on bsky.app",
    LABELS: "labels of classifiers: of each name and model the latest, with name, score, value, model, version and "
    "labelled_at",
    MATCHED: "terms of the query that the post matches",
    "subject": "AT-URI or DID of what was liked, reposted, followed or blocked",
    "subject_cid": "CID of the subject, which identifies its version",
    "via": "reference to the repost through which the author found it, as JSON",
    "display_name": "display name of the account",
    "description": "self-description of the account",
    "collection": "collection (NSID) of the record",
    "record": "the record, as JSON",
    "kind": "kind of the event: identity, account or sync",
    "handle": "handle in the event",
    "active": "whether the account is active",
    "status": "why it is not active",
    "name": "name of the label",
    "score": "how sure the model is, from 0 to 1; null where it gave none",
    "value": "what the model says, as text; null where it gave none",
    "model": "the model, or who else labelled it",
    "version": "version of the model",
    hit.LABELLED_AT: "time at which it was labelled",
}


def column_names(dataset: str) -> list[str]:
    """Of all columns that an export of the dataset may have, in order."""
    return [*COMMON_FIELDS, *FIELDS[dataset], *(["url", LABELS, MATCHED] if dataset == "posts" else [])]


def export_columns(dataset: str, names: Sequence[str], matched: str) -> list[ExportColumn]:
    """In the order of column_names(). `matched`: SQL of that column."""
    sql = _sql(DATASETS[dataset]) | {MATCHED: matched}
    return [
        ExportColumn(name, _cell_type(DATASETS[dataset], name), _MEANING[name], sql[name])
        for name in column_names(dataset)
        if name in names
    ]


def joint_names(datasets: Sequence[str]) -> list[str]:
    """Of all columns that rows of these datasets may have in one file, in order."""
    every = (name for dataset in datasets for name in column_names(dataset) if name != MATCHED)
    return list(dict.fromkeys(["id", DATASET, *every]))


def joint_columns(datasets: Sequence[str], names: Sequence[str]) -> dict[str, list[ExportColumn]]:
    """By dataset, the same columns for each: null or an empty list where a dataset does not have one."""
    return {dataset: [_joint_column(dataset, name, datasets) for name in names] for dataset in datasets}


def _joint_column(dataset: str, name: str, datasets: Sequence[str]) -> ExportColumn:
    if name == DATASET:
        return ExportColumn(name, CellType.TEXT, _MEANING[name], f"'{dataset}'")
    if name == LABELS:  # which are added to any rows
        return ExportColumn(name, CellType.LABELS, _MEANING[name], "")
    if name in column_names(dataset):
        return export_columns(dataset, [name], "")[0]
    (column,) = export_columns(next(one for one in datasets if name in column_names(one)), [name], "")
    return column._replace(sql=f"NULL::{_NULL[column.kind]}")


def _sql(dataset: Dataset) -> dict[str, str]:
    own = {"id": hit.uri_sql(dataset), "did": "did", USERNAME: "", "timestamp": "created_at", "seen_at": "seen"}
    labelled = {hit.LABELLED_AT: "labelled_at"} if dataset.name == "labels" else {}
    later = {CID: ""} if derived_cids.are_derived(dataset) else {}
    return (
        own
        | FIELDS[dataset.name]
        | {"url": "concat('https://bsky.app/profile/', did, '/post/', rkey)"}
        | labelled
        | later
        | {LABELS: ""}
    )


def _cell_type(dataset: Dataset, name: str) -> CellType:
    if name in ("timestamp", "seen_at", hit.LABELLED_AT):
        return CellType.TIME
    if name == LABELS:
        return CellType.LABELS
    if name in _LISTS:
        return CellType.LIST
    types = {column.name: column.type for column in dataset.columns}
    found = types.get(FIELDS[dataset.name].get(name, ""), "VARCHAR")
    kinds = {"VARCHAR[]": CellType.LIST, "BOOLEAN": CellType.BOOLEAN, "DOUBLE": CellType.NUMBER}
    return kinds.get(found, CellType.TEXT)
