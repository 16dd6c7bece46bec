"""The shapes of manifests, as in api.schema.shapes."""

from api.schema.evidence import AS_OF, REMOVED
from api.schema.forms import BOOLEAN, NUMBER, TEXT, Shape, choice, documented, null_or, nullable, shape
from api.schema.lookups import LOOKED_UP
from api.schema.shapes import COVERED, NOTES, QUERY
from lake.query.spec import CLOCKS

_ANY = {"type": "object", "additionalProperties": {}}
_ASKED = {"text": "lake", "start": "2026-07-01", "end": "2026-07-01", "format": "parquet"}
_FLAGS = {"hide_deleted": True, "export_limit_rows": 0}
_SEEN_UNTIL = nullable("2026-07-03T08:59:58.120000Z")
_MANIFEST = {
    "made_at": "2026-07-03T09:00:00.000000Z",
    "query": QUERY,
    "notes": NOTES,
    "parameters": documented(Shape(_ANY, _ASKED), "As they were given, and the rest as they are by default."),
    "window": shape(
        clock=choice(*CLOCKS),
        start=nullable("2026-07-01T00:00:00.000000Z"),
        end=nullable("2026-07-02T00:00:00.000000Z"),
        seen_until=documented(_SEEN_UNTIL, "What was seen later is not in it."),
    ),
    "sources": shape(
        hosts=documented(["jetstream.example"], "That sent events of the window, as far as that is recorded."),
        collections=documented(["app.bsky.feed.post"], "That are received now; empty: all."),
    ),
    "matching": documented("Words match anywhere in the text.", "How words match."),
    "order": "seen, did, rkey; newest first",
    "columns": [shape(name="id", type="string", meaning="AT-URI of the record")],
    "newest_seen": documented(_SEEN_UNTIL, "The same as as_of."),
    "as_of": AS_OF,
    "removed_since": REMOVED,
    "hidden": documented("what was deleted, replaced, or is of an inactive account", "What is left out."),
    "pseudonyms": documented(False, "Whether they stand in place of accounts and records."),
    "row_limit": Shape(null_or(NUMBER), None),
    "row_limit_by": documented(
        Shape({"type": ["string", "null"], "enum": ["limit", "export_limit_rows", None]}, None),
        "What sets it: the parameter, or the flag of the service.",
    ),
    "truncated": documented(Shape(null_or(BOOLEAN), False), "Whether there are more rows than row_limit."),
    "rows_hidden": documented(Shape(null_or(NUMBER), 12), "Rows that match and are left out, as `hidden` says."),
    "flags": documented(Shape(_ANY, _FLAGS), "The service's settings that change exports."),
    "software": "0.1.0",
    "commit": documented(Shape(null_or(TEXT), None), "Of the software."),
    "schema_version": 1,
    "rows": 8431,
    "coverage": shape(**COVERED),
}
MANIFEST = shape(**_MANIFEST, rows_relation=choice("eq", "gte"))
_SHA256 = nullable("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
MADE = shape(
    **_MANIFEST,
    id="0f8fad5bd9cb469fa16570867728950e",
    continues=documented(Shape(null_or(TEXT), None), "The id of the export whose rest this is."),
    state=choice("complete", "running", "broken"),
    error=Shape(null_or(TEXT), None),
    bytes=1_204_311,
    sha256=documented(_SHA256, "Of the body that was sent; null until it is complete."),
    started_at="2026-07-03T09:00:00.000000Z",
    finished_at=nullable("2026-07-03T09:00:04.000000Z"),
    first_row=documented(nullable("2026-07-01T23:59:59.120000Z"), "Its time by the clock; null without rows."),
    last_row=documented(nullable("2026-07-01T00:00:03.004000Z"), "Likewise."),
    nuls_replaced=documented(0, "How often NUL became U+FFFD."),
    lookup=documented(shape(**LOOKED_UP), "Of rows by URI only: what became of the URIs."),
)
for _name in ("nuls_replaced", "lookup", "pseudonyms"):  # the last is unknown of what an older version made
    MADE.schema["required"].remove(_name)
