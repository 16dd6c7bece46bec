"""The shapes of answers as JSON Schema, for /api/schema, each made of an example: all of them are made up.

Columns are those of lake.export.columns. As serializers of REST framework the same shapes take 40 lines more, inline,
or 90, as classes.
"""

from api.params.search import MATCHES
from api.schema.evidence import AS_OF, GAP, OF_WINDOW, REMOVED
from api.schema.forms import (
    BOOLEAN,
    NUMBER,
    SCORE,
    TEXT,
    TIME,
    URI,
    Schema,
    Shape,
    by_name,
    choice,
    documented,
    null_or,
    nullable,
    shape,
)
from lake.export.columns import MATCHED, USERNAME, CellType, ExportColumn, column_names, export_columns
from lake.schema import DATASETS
from lake.search.aggregates import BY, OF, TOP
from lake.search.split_timeline import SPLITS

LABEL = shape(
    name="toxic",
    score=Shape(null_or(SCORE), 0.93),
    value=Shape(null_or(TEXT), None),
    model=nullable("model-x"),
    version=nullable("2"),
    labelled_at=Shape(null_or(TIME), "2026-07-02T08:00:00.000000Z"),
)
_KINDS: dict[CellType, Schema] = {
    CellType.TEXT: null_or(TEXT),
    CellType.LIST: {"type": "array", "items": TEXT},
    CellType.TIME: null_or(TIME),
    CellType.BOOLEAN: null_or(BOOLEAN),
    CellType.NUMBER: null_or(SCORE),
    CellType.LABELS: {"type": "array", "items": LABEL.schema},
}
_NEVER_NULL = {"id": URI, "did": TEXT, "seen_at": TIME, "url": TEXT}


_PLACES = {
    "type": "array",
    "items": {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2},
    "description": "Of searches for posts: where words, phrases and hashtags of the query are in `text`, as begin "
    "and end in Unicode code points, the end excluded; the first 100.",
}


def column_schema(column: ExportColumn) -> Schema:
    schema = _NEVER_NULL.get(column.name, _KINDS[column.kind])
    return {**schema, "description": column.meaning.replace(" when it was exported", "")}


def _row() -> Schema:
    """The columns of all datasets; docs/api.md says which dataset has which. `fields` leaves columns out."""
    every = (column for name in DATASETS for column in export_columns(name, column_names(name), "''"))
    columns = {column.name: column_schema(column) for column in every} | {MATCHES: _PLACES}
    return {"type": "object", "properties": columns, "additionalProperties": False, "minProperties": 1}


DID = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
POST_URI = f"at://{DID}/app.bsky.feed.post/3mabcdefghi2k"
DELETED_URI = f"at://{DID}/app.bsky.feed.post/3mabcdefghj2k"
ROW = Shape(
    {"$ref": "#/components/schemas/Row"},
    {
        "id": POST_URI,
        "did": DID,
        "username": "alice.example",
        "timestamp": "2026-07-01T11:59:59.123000Z",
        "seen_at": "2026-07-01T12:00:00.000000Z",
        "text": "A walk around the lake",
        "langs": ["en"],
        "cid": "bafyreib",
        "reply_root": None,
        "reply_parent": None,
        "quote": None,
        "links": [],
        "hashtags": [],
        "mentions": [],
        "media": ["image"],
        "alt": ["A lake in the morning"],
        "self_labels": [],
        "url": f"https://bsky.app/profile/{DID}/post/3mabcdefghi2k",
        "labels": [LABEL.example],
    },
)
_HIT = Shape(ROW.schema, ROW.example | {MATCHES: [[18, 22]], MATCHED: ["lake"]})
QUERY = documented("lake", "text and exact as they were understood, in the search syntax.")
_SENTENCES = Shape({"type": "array", "items": TEXT}, [])
NOTES = documented(_SENTENCES, "What was probably meant otherwise, and the right form; empty when nothing was.")
TOOK = documented(9, "Milliseconds.")
ERROR = shape(
    error=shape(
        code=documented("invalid_parameter", "One of a closed set: see the guide."),
        message=documented("start is not a date.", "A sentence for people."),
        details=documented([shape(field="start", message="No date.")], "Each parameter that is wrong, and why."),
        temporary=documented(False, "True: the same request may succeed after Retry-After seconds."),
        request_id=documented("0f8fad5bd9cb469fa16570867728950e", "Under which the service logged it."),
    )
)
_RELATION = Shape({"type": ["string", "null"], "enum": ["eq", "gte", None]}, "eq")
PAGE = shape(
    results=[_HIT],
    meta=shape(
        count=documented(1, "Hits on this page."),
        total=documented(nullable(1), "All hits, or a lower bound; null when nothing was counted."),
        total_relation=documented(_RELATION, "gte: a lower bound."),
        page=1,
        limit=50,
        next=documented(Shape(null_or(TEXT), None), "The token of the next page; null on the last one."),
        complete=documented(True, "False when the time limit was reached."),
        searched_to=documented(
            Shape(null_or(TIME), None), "How far it came within the time limit; null when it came to the end."
        ),
        hidden=documented(0, "Hits passed over, because they are deleted, replaced or of an inactive account."),
        coverage=OF_WINDOW,
        as_of=AS_OF,
        removed_since=REMOVED,
        took_ms=TOOK,
        query=QUERY,
        notes=NOTES,
    ),
)
_ABOUT = {
    "coverage": OF_WINDOW,
    "as_of": AS_OF,
    "removed_since": REMOVED,
    "query": QUERY,
    "notes": NOTES,
    "took_ms": TOOK,
}
_ALL = documented(141_207, "Rows of that time, hits or not; with of=lang in those languages.")
_TOP = shape(value="alice.example", hits=12)
_TOP.schema["properties"][USERNAME] = {**null_or(TEXT), "description": "Of accounts only."}
_COUNT = shape(start="2026-07-01T12:00:00.000000Z", hits=87, all=_ALL)
_OF_VALUE = "With split: whose hits these are; null for all that is in no series."
_COUNT.schema["properties"]["value"] = {**null_or(TEXT), "description": _OF_VALUE}
TIMELINE = shape(
    results=[_COUNT],
    meta=shape(
        by=choice(*BY), of=choice(*OF), hits=87, all=141_207,
        split=Shape({"type": "string", "enum": list(SPLITS)}, "author"),
        split_values=documented([_TOP], "With split: the series, and their hits."),
        more=documented(0, "With split: values that are in no series."),
        **_ABOUT,
    ),
)  # fmt: skip
TIMELINE.schema["properties"]["meta"]["required"] = ["by", "of", "hits", "all", *_ABOUT]
TOP_VALUES = shape(
    results=[_TOP],
    meta=shape(
        by=choice(*TOP),
        distinct=831,
        next=documented(Shape(null_or(TEXT), None), "The token of the next values; null with the last ones."),
        **_ABOUT,
    ),
)
_STATES = Shape({"type": "string", "enum": ["shown", "deleted", "hidden", "unknown"]}, "shown")
_NODE = shape(
    uri=POST_URI,
    state=documented(_STATES, "hidden: its account is not active; unknown: it was not seen here."),
    asked=documented(True, "Whether it is the post that was asked for."),
    post=Shape({"anyOf": [ROW.schema, {"type": "null"}]}, ROW.example),
    replies=Shape({"type": "array", "items": {"$ref": "#/components/schemas/ThreadNode"}}, []),
)
THREAD = shape(
    root=Shape({"$ref": "#/components/schemas/ThreadNode"}, _NODE.example),
    quotes=[ROW],
    meta=shape(
        asked=POST_URI,
        root=POST_URI,
        posts=documented(1, "In the tree, without those that don't show."),
        quotes=1,
        more=documented(False, "True: only the oldest posts are in the tree."),
        more_quotes=documented(False, "True: only the oldest are in quotes."),
        complete=documented(True, "False when the time limit was reached: posts may be missing, or unknown wrongly."),
        took_ms=TOOK,
    ),
)
_SUMS = {"rows": 3_400_000, "bytes": 408_000_000, "files": 24}
_TIMES = {"oldest": "2026-07-01T00:00:00.012000Z", "newest": "2026-07-01T23:59:59.991000Z"}
_DAY = Shape({"type": "string", "format": "date"}, "2026-07-01")
STATS = shape(
    datasets=by_name("posts", shape(dataset=choice(*DATASETS), **_SUMS, **_TIMES)),
    days=[shape(day=_DAY, datasets=by_name("posts", shape(**_SUMS)))],
    meta=shape(took_ms=TOOK),
)
COVERED = {
    "start": nullable("2026-07-01T00:00:00Z"),
    "end": nullable("2026-07-02T00:00:00Z"),
    "minutes": 1440,
    "minutes_with_data": 1437,
    "events": 41_000_000,
    "gaps": [GAP],
    "gaps_total": documented(1, "gaps lists the first 1000 of them."),
    "newest": documented(nullable("2026-07-02T00:00:00.003000Z"), "The newest row of the lake."),
}
COVERAGE = shape(**COVERED, meta=shape(took_ms=TOOK))
SCHEMAS = {"Error": ERROR.schema, "Row": _row(), "ThreadNode": _NODE.schema}
