"""The datasets and their columns. Pure data; lake/flush/sql makes rows of events."""

from typing import NamedTuple

VERSION = 1  # of the columns. They are only ever added, nullable


class Column(NamedTuple):
    """`type` is the DuckDB type: VARCHAR, BIGINT, DOUBLE, BOOLEAN, VARCHAR[] or TIMESTAMP (UTC, microseconds)."""

    name: str
    type: str = "VARCHAR"


class Dataset(NamedTuple):
    name: str
    collection: str | None  # the only collection of its rows; None: several, kept in a column
    columns: tuple[Column, ...]  # in file order: the common ones, then its own
    lookups: tuple[str, ...]  # columns that get a bloom filter
    select: str  # lake/flush/sql/<select>.sql makes its rows

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns, in file order."""
        return tuple(column.name for column in self.columns)

    @property
    def in_every_file(self) -> tuple[Column, ...]:
        """The columns that files of every release have, in file order."""
        return tuple(column for column in self.columns if column.name not in ADDED)

    @property
    def subject(self) -> str | None:
        """The column with the subject of a like, repost, follow or block."""
        return next((name for name in ("subject_uri", "subject") if name in self.names), None)

    @property
    def are_events(self) -> bool:
        """Its rows are deletes or account events, not versions of records: each of them shows, whatever comes later."""
        return self.name in ("deletes", "accounts")

    @property
    def are_records(self) -> bool:
        """Its rows hold whole records: these can be rebuilt, and hash to their CIDs."""
        return not self.are_events and self.name != "labels"

    @property
    def order(self) -> dict[str, str]:
        """SQL of what orders rows of the same time, by the names of SortKey: without the collection where all rows have
        the same one."""
        if self.name == "accounts":
            return {"did": "did", "rkey": "coalesce(rkey, '')", "version": "concat_ws(' ', kind, seq, time)"}
        if self.name == "labels":  # many of one post; `arrival` has 19 digits at most
            return {"did": "did", "rkey": "rkey", "version": "concat(rev, ' ', lpad(arrival::VARCHAR, 19, '0'))"}
        several = {} if self.collection else {"collection": "collection"}
        return {"did": "did", **several, "rkey": "rkey", "version": "rev"}

    def same_uri(self, row: str, other: str) -> str:
        """SQL: whether two rows have the same URI. `row`: of this dataset; `other`: with did, collection and rkey."""
        collection = f"'{self.collection}'" if self.collection else f"{row}.collection"
        return f"{other}.did = {row}.did AND {other}.collection = {collection} AND {other}.rkey = {row}.rkey"

    @property
    def key(self) -> tuple[str, ...]:
        """SQL of what identifies an event, however often it is received. `{row}`: the row's name."""
        if self.name == "accounts":  # an event without a seq has no other identity than its time and the rest
            return ("{row}.did", "{row}.kind", "coalesce({row}.seq::VARCHAR, concat_ws(' ', {row}.time, {row}.extra))")
        if self.name == "labels":  # one that was purged is like no other
            said = (f"{{row}}.{column}" for column in self.key_columns if column != "arrival")
            return (*said, "CASE WHEN {row}.name IS NULL THEN {row}.arrival END")
        return tuple(f"{{row}}.{column}" for column in self.key_columns)

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The columns that `key` needs."""
        if self.name == "accounts":
            return ("did", "kind", "seq", "time", "extra")
        if self.name == "labels":
            return ("did", "rkey", "rev", "name", "model", "version", "labelled_at", "score", "value", "arrival")
        return ("did", *(() if self.collection else ("collection",)), "rkey", "rev", "operation")


COMMON = (
    Column("seen", "TIMESTAMP"),
    Column("did"),
    Column("rkey"),
    Column("rev"),
    Column("cid"),
    Column("operation"),
    Column("created_at", "TIMESTAMP"),
    Column("state"),
    Column("state_seen", "TIMESTAMP"),  # seen of the delete or newer version that `state` comes from
    Column("extra"),
    Column("learned", "TIMESTAMP"),  # of a late row: the moment of the lake's clock from which it exists; else null
)
ADDED = ("learned",)  # columns that files of older releases lack
STATE = ("state", "state_seen")  # null when flushed, set by compaction


def _dataset(name: str, collection: str | None, *own: str, lookups: tuple[str, ...] = (), select: str = "") -> Dataset:
    """`own` columns as `name` or `name:TYPE`."""
    columns = (Column(*text.split(":")) for text in own)
    return Dataset(name, collection, (*COMMON, *columns), ("did", "rkey", *lookups), select or name)


_TO_RECORD = ("subject_uri", "subject_cid", "via")
_TO_ACCOUNT = ("subject", "via")


DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        _dataset(
            "posts",
            "app.bsky.feed.post",
            *("text", "langs:VARCHAR[]", "reply_root_uri", "reply_root_cid", "reply_parent_uri", "reply_parent_cid"),
            *("embed", "facets", "labels", "tags"),  # JSON as it came
            *("links:VARCHAR[]", "domains:VARCHAR[]", "hashtags:VARCHAR[]", "mentions:VARCHAR[]", "media:VARCHAR[]"),
            *("alt:VARCHAR[]", "quote_uri"),
            lookups=("reply_root_uri", "reply_parent_uri", "quote_uri"),
        ),
        _dataset("likes", "app.bsky.feed.like", *_TO_RECORD, lookups=("subject_uri",), select="subject_record"),
        _dataset("reposts", "app.bsky.feed.repost", *_TO_RECORD, lookups=("subject_uri",), select="subject_record"),
        _dataset("follows", "app.bsky.graph.follow", *_TO_ACCOUNT, lookups=("subject",), select="subject_account"),
        _dataset("blocks", "app.bsky.graph.block", *_TO_ACCOUNT, lookups=("subject",), select="subject_account"),
        _dataset("profiles", "app.bsky.actor.profile", "display_name", "description"),
        _dataset("records", None, "collection", "record"),
        _dataset("deletes", None, "collection"),
        _dataset("accounts", None, "kind", "handle", "active:BOOLEAN", "status", "seq:BIGINT", "time"),
        # A label of one version of a post, with that version's seen, did, rkey, rev and created_at; cid is null. Either
        # `score` (0 to 1) or `value` may be null, or both. `arrival` grows from label to label: of those with the same
        # (did, rkey, rev, name, model) the one with the highest (labelled_at, arrival) counts.
        _dataset(
            "labels",
            "app.bsky.feed.post",
            *("name", "score:DOUBLE", "value", "model", "version", "labelled_at:TIMESTAMP", "arrival:BIGINT"),
        ),
    )
}
FLUSHED = tuple(name for name in DATASETS if name != "labels")  # whose rows are events
_BY_COLLECTION = {DATASETS[name].collection: name for name in FLUSHED if DATASETS[name].collection}
VERSIONED = ("posts", "profiles", "records")  # whose newer versions and deletes make tombstones
STATEFUL = (*VERSIONED, "labels")  # whose rows compaction marks as deleted or superseded
INTERACTIONS = tuple(dataset.name for dataset in DATASETS.values() if dataset.subject)  # likes and the like


def dataset_of(operation: str, collection: str) -> str:
    """The dataset of a commit."""
    return "deletes" if operation == "delete" else _BY_COLLECTION.get(collection, "records")


def deletes_of(dataset: str) -> str:
    """SQL: whether a row of deletes, by its collection, is of a record of this dataset."""
    if collection := DATASETS[dataset].collection:
        return f"collection = '{collection}'"
    return f"collection NOT IN ({', '.join(map(repr, filter(None, _BY_COLLECTION)))})"
