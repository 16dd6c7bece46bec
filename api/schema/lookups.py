"""The shapes of lookups by URI, as in api.schema.shapes."""

from api.schema.forms import Schema, Shape, documented, shape
from api.schema.shapes import DELETED_URI, DID, POST_URI, ROW, TOOK, column_schema
from lake.export.columns import DATASET, joint_columns, joint_names
from lake.schema import DATASETS

LIKE_URI = f"at://{DID}/app.bsky.feed.like/3mabcdefghk2k"


def listed_row() -> Schema:
    """Of the datasets of one request; `fields` leaves columns out."""
    columns = (column for one in joint_columns(list(DATASETS), joint_names(list(DATASETS))).values() for column in one)
    properties = {column.name: column_schema(column) for column in columns}
    return {"type": "object", "properties": properties, "additionalProperties": False, "minProperties": 1}


_INACTIVE = shape(id=f"{POST_URI}a", account="deactivated")
LOOKED_UP = {
    "asked": documented(4, "Different URIs."),
    "found": 1,
    "deleted": documented([DELETED_URI], "The author deleted them."),
    "hidden": documented([_INACTIVE], "Their account is not active: its status."),
    "purged": documented([f"{POST_URI}c"], "Seen here, but their text is gone: their account was deleted for a time."),
    "unknown": documented([f"{POST_URI}b"], "Neither they nor their deletes were seen here."),
    "complete": documented(True, "False when the time limit was reached: some of the others may show after all."),
}
POSTS = shape(results=[ROW], meta=shape(**LOOKED_UP, took_ms=TOOK))
LISTED_ROWS = shape(
    results=[Shape({"$ref": "#/components/schemas/ListedRow"}, ROW.example | {DATASET: "posts"})],
    meta=shape(**LOOKED_UP, took_ms=TOOK),
)
