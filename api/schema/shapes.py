"""The shapes of answers as JSON Schema, for /api/schema. Columns are those of lake.export.columns."""

from typing import Any

from lake.export.columns import MATCHED, USERNAME, CellType, ExportColumn, column_names, export_columns
from lake.query.spec import CLOCKS
from lake.schema import DATASETS
from lake.search.aggregates import BY, TOP

Schema = dict[str, Any]


def nullable(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def shape(**properties: Schema) -> Schema:
    """An object that has all of these and nothing else."""
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


def said(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description}


TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer", "minimum": 0}
BINARY: Schema = {"type": "string", "format": "binary"}
YES_NO: Schema = {"type": "boolean"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
URI: Schema = {"type": "string", "pattern": "^at://"}
DATASET: Schema = {"type": "string", "enum": list(DATASETS)}
_KINDS: dict[CellType, Schema] = {
    CellType.TEXT: nullable(TEXT),
    CellType.LIST: many(TEXT),
    CellType.TIME: nullable(MOMENT),
    CellType.BOOLEAN: nullable(YES_NO),
}
_ALWAYS = {"id": URI, "did": TEXT, "seen_at": MOMENT, "url": TEXT}  # never null


def _column(column: ExportColumn) -> Schema:
    return said(_ALWAYS.get(column.name, _KINDS[column.kind]), column.meaning.replace(" when it was exported", ""))


def _row() -> Schema:
    """The columns of all datasets: which has which, docs/api.md says; `fields` leaves columns out."""
    every = (column for name in DATASETS for column in export_columns(name, column_names(name), "''"))
    found = {column.name: _column(column) for column in every if column.name != MATCHED}
    return {"type": "object", "properties": found, "additionalProperties": False, "minProperties": 1}


TOOK: Schema = said(NUMBER, "Milliseconds.")
QUERY: Schema = said(TEXT, "text and exact as they were understood, in the search syntax.")
ERROR = shape(
    error=shape(
        code=said(TEXT, "One of a closed set: see the guide."),
        message=said(TEXT, "A sentence for people."),
        details=said(many(shape(field=TEXT, message=TEXT)), "Each parameter that is wrong, and why."),
        temporary=said(YES_NO, "True: the same request may succeed after Retry-After seconds."),
        request_id=said(TEXT, "Under which the service logged it."),
    )
)
SEARCH = shape(
    results=many({"$ref": "#/components/schemas/Row"}),
    meta=shape(
        count=said(NUMBER, "Hits on this page."),
        total=said(nullable(NUMBER), "All hits, or a lower bound; null when nobody counted."),
        total_relation=said({"type": ["string", "null"], "enum": ["eq", "gte", None]}, "gte: a lower bound."),
        page=NUMBER,
        limit=NUMBER,
        next=said(nullable(TEXT), "The token of the next page; null on the last one."),
        complete=said(YES_NO, "False when the time limit was reached."),
        searched_to=said(nullable(MOMENT), "How far it came within the time limit; null when it came to the end."),
        hidden=said(NUMBER, "Hits passed over, because they are deleted, replaced or of an inactive account."),
        took_ms=TOOK,
        query=QUERY,
    ),
)
TIMELINE = shape(
    results=many(shape(start=MOMENT, hits=NUMBER, all=said(NUMBER, "Rows of that time, hits or not."))),
    meta=shape(by={"type": "string", "enum": list(BY)}, hits=NUMBER, all=NUMBER, query=QUERY, took_ms=TOOK),
)
_TOP = shape(value=TEXT, hits=NUMBER)
_TOP["properties"][USERNAME] = said(nullable(TEXT), "Of authors only.")
TOP_VALUES = shape(
    results=many(_TOP),
    meta=shape(by={"type": "string", "enum": list(TOP)}, distinct=NUMBER, query=QUERY, took_ms=TOOK),
)
POSTS = shape(
    results=many({"$ref": "#/components/schemas/Row"}),
    meta=shape(
        asked=said(NUMBER, "Different URIs."),
        found=NUMBER,
        deleted=said(many(URI), "The author deleted them."),
        hidden=said(many(shape(id=URI, account=TEXT)), "Their account is not active; its status."),
        unknown=said(many(URI), "Neither they nor their deletes were seen here."),
        complete=said(YES_NO, "False when the time limit was reached: some of unknown may be here after all."),
        took_ms=TOOK,
    ),
)
_SUMS = {"rows": NUMBER, "bytes": NUMBER, "files": NUMBER}
STATS = shape(
    datasets=by_name(shape(dataset=DATASET, **_SUMS, oldest=MOMENT, newest=MOMENT)),
    days=many(shape(day={"type": "string", "format": "date"}, datasets=by_name(shape(**_SUMS)))),
    meta=shape(took_ms=TOOK),
)
_COVERED = {
    "start": nullable(MOMENT),
    "end": nullable(MOMENT),
    "minutes": NUMBER,
    "minutes_with_data": NUMBER,
    "events": NUMBER,
    "gaps": many(shape(start=MOMENT, end=MOMENT, minutes=NUMBER, why=TEXT)),
    "gaps_total": said(NUMBER, "gaps lists the first 1000 of them."),
    "newest": said(nullable(MOMENT), "The newest row of the lake."),
}
COVERAGE = shape(**_COVERED, meta=shape(took_ms=TOOK))
_DESCRIBED = {
    "made_at": MOMENT,
    "query": QUERY,
    "parameters": said(by_name({}), "As they were asked, and the rest as they are by default."),
    "window": shape(
        clock={"type": "string", "enum": list(CLOCKS)},
        start=nullable(MOMENT),
        end=nullable(MOMENT),
        seen_until=said(nullable(MOMENT), "What was seen later is not in it."),
    ),
    "order": TEXT,
    "columns": many(shape(name=TEXT, type=TEXT, meaning=TEXT)),
    "newest_seen": nullable(MOMENT),
    "hidden": said(TEXT, "What is left out."),
    "row_limit": nullable(NUMBER),
    "flags": said(by_name({}), "The service's settings that change exports."),
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
    sha256=said(nullable(TEXT), "Of the body that was sent; null until it is complete."),
    started_at=MOMENT,
    finished_at=nullable(MOMENT),
)
MADE["properties"]["nuls_replaced"] = said(NUMBER, "How often NUL became U+FFFD.")
SCHEMAS = {"Error": ERROR, "Row": _row()}
