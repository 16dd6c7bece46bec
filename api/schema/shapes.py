"""The shapes of answers as JSON Schema, for /api/schema. Columns are those of lake.export.columns.

As serializers of REST framework the same shapes take 40 lines more, inline, or 90, as classes.
"""

from typing import Any

from lake.export.columns import MATCHED, USERNAME, CellType, ExportColumn, column_names, export_columns
from lake.query.spec import CLOCKS
from lake.schema import DATASETS
from lake.search.aggregates import BY, TOP

Schema = dict[str, Any]


def nullable(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def shape(**properties: Schema) -> Schema:
    """An object of exactly these properties."""
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }


def many(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def by_name(items: Schema) -> Schema:
    return {"type": "object", "additionalProperties": items}


def documented(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description}


TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer", "minimum": 0}
BINARY: Schema = {"type": "string", "format": "binary"}
BOOLEAN: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}
URI: Schema = {"type": "string", "pattern": "^at://"}
DATASET: Schema = {"type": "string", "enum": list(DATASETS)}
_KINDS: dict[CellType, Schema] = {
    CellType.TEXT: nullable(TEXT),
    CellType.LIST: many(TEXT),
    CellType.TIME: nullable(TIME),
    CellType.BOOLEAN: nullable(BOOLEAN),
}
_NEVER_NULL = {"id": URI, "did": TEXT, "seen_at": TIME, "url": TEXT}


def _column(column: ExportColumn) -> Schema:
    return documented(
        _NEVER_NULL.get(column.name, _KINDS[column.kind]), column.meaning.replace(" when it was exported", "")
    )


def _row() -> Schema:
    """The columns of all datasets; docs/api.md says which dataset has which. `fields` leaves columns out."""
    every = (column for name in DATASETS for column in export_columns(name, column_names(name), "''"))
    columns = {column.name: _column(column) for column in every if column.name != MATCHED}
    return {"type": "object", "properties": columns, "additionalProperties": False, "minProperties": 1}


TOOK: Schema = documented(NUMBER, "Milliseconds.")
QUERY: Schema = documented(TEXT, "text and exact as they were understood, in the search syntax.")
ERROR = shape(
    error=shape(
        code=documented(TEXT, "One of a closed set: see the guide."),
        message=documented(TEXT, "A sentence for people."),
        details=documented(many(shape(field=TEXT, message=TEXT)), "Each parameter that is wrong, and why."),
        temporary=documented(BOOLEAN, "True: the same request may succeed after Retry-After seconds."),
        request_id=documented(TEXT, "Under which the service logged it."),
    )
)
PAGE = shape(
    results=many({"$ref": "#/components/schemas/Row"}),
    meta=shape(
        count=documented(NUMBER, "Hits on this page."),
        total=documented(nullable(NUMBER), "All hits, or a lower bound; null when nothing was counted."),
        total_relation=documented({"type": ["string", "null"], "enum": ["eq", "gte", None]}, "gte: a lower bound."),
        page=NUMBER,
        limit=NUMBER,
        next=documented(nullable(TEXT), "The token of the next page; null on the last one."),
        complete=documented(BOOLEAN, "False when the time limit was reached."),
        searched_to=documented(nullable(TIME), "How far it came within the time limit; null when it came to the end."),
        hidden=documented(NUMBER, "Hits passed over, because they are deleted, replaced or of an inactive account."),
        took_ms=TOOK,
        query=QUERY,
    ),
)
TIMELINE = shape(
    results=many(shape(start=TIME, hits=NUMBER, all=documented(NUMBER, "Rows of that time, hits or not."))),
    meta=shape(by={"type": "string", "enum": list(BY)}, hits=NUMBER, all=NUMBER, query=QUERY, took_ms=TOOK),
)
_TOP = shape(value=TEXT, hits=NUMBER)
_TOP["properties"][USERNAME] = documented(nullable(TEXT), "Of authors only.")
TOP_VALUES = shape(
    results=many(_TOP),
    meta=shape(by={"type": "string", "enum": list(TOP)}, distinct=NUMBER, query=QUERY, took_ms=TOOK),
)
POSTS = shape(
    results=many({"$ref": "#/components/schemas/Row"}),
    meta=shape(
        asked=documented(NUMBER, "Different URIs."),
        found=NUMBER,
        deleted=documented(many(URI), "The author deleted them."),
        hidden=documented(many(shape(id=URI, account=TEXT)), "Their account is not active: its status."),
        purged=documented(many(URI), "Seen here, but their text is gone: their account was deleted for a time."),
        unknown=documented(many(URI), "Neither they nor their deletes were seen here."),
        complete=documented(BOOLEAN, "False when the time limit was reached: some of the others may show after all."),
        took_ms=TOOK,
    ),
)
_SUMS = {"rows": NUMBER, "bytes": NUMBER, "files": NUMBER}
STATS = shape(
    datasets=by_name(shape(dataset=DATASET, **_SUMS, oldest=TIME, newest=TIME)),
    days=many(shape(day={"type": "string", "format": "date"}, datasets=by_name(shape(**_SUMS)))),
    meta=shape(took_ms=TOOK),
)
_COVERED = {
    "start": nullable(TIME),
    "end": nullable(TIME),
    "minutes": NUMBER,
    "minutes_with_data": NUMBER,
    "events": NUMBER,
    "gaps": many(shape(start=TIME, end=TIME, minutes=NUMBER, why=TEXT)),
    "gaps_total": documented(NUMBER, "gaps lists the first 1000 of them."),
    "newest": documented(nullable(TIME), "The newest row of the lake."),
}
COVERAGE = shape(**_COVERED, meta=shape(took_ms=TOOK))
_DESCRIBED = {
    "made_at": TIME,
    "query": QUERY,
    "parameters": documented(by_name({}), "As they were given, and the rest as they are by default."),
    "window": shape(
        clock={"type": "string", "enum": list(CLOCKS)},
        start=nullable(TIME),
        end=nullable(TIME),
        seen_until=documented(nullable(TIME), "What was seen later is not in it."),
    ),
    "order": TEXT,
    "columns": many(shape(name=TEXT, type=TEXT, meaning=TEXT)),
    "newest_seen": nullable(TIME),
    "hidden": documented(TEXT, "What is left out."),
    "row_limit": nullable(NUMBER),
    "flags": documented(by_name({}), "The service's settings that change exports."),
    "software": TEXT,
    "schema_version": NUMBER,
    "rows": NUMBER,
    "coverage": shape(**_COVERED),
}
MANIFEST = shape(**_DESCRIBED, rows_relation={"type": "string", "enum": ["eq", "gte"]})
MADE = shape(
    **_DESCRIBED,
    id=TEXT,
    state={"type": "string", "enum": ["running", "complete", "broken"]},
    error=nullable(TEXT),
    bytes=NUMBER,
    sha256=documented(nullable(TEXT), "Of the body that was sent; null until it is complete."),
    started_at=TIME,
    finished_at=nullable(TIME),
)
MADE["properties"]["nuls_replaced"] = documented(NUMBER, "How often NUL became U+FFFD.")
SCHEMAS = {"Error": ERROR, "Row": _row()}
