"""What /api/schema says of each endpoint: what it is for, the shape of its answer, and examples."""

from typing import Any, NamedTuple

from api.schema import examples, shapes
from api.schema.shapes import Schema

JSON = "application/json"


class Endpoint(NamedTuple):
    """`ask`: the query of a GET. `bodies`: of a POST, by what they are for. `answers`: by media type, its shape and an
    example."""

    summary: str
    description: str
    ask: str
    bodies: dict[str, dict[str, Any]]
    answers: dict[str, tuple[Schema, Any]]
    errors: tuple[int, ...] = ()
    headers: tuple[str, ...] = ()


SEARCH = Endpoint(
    "A page of hits.",
    "Posts, or rows of another dataset. `meta.next` is the token of the next page: ask again with the same parameters "
    "and `token`, until it is null. Also at /search.",
    "text=lake OR fish&lang=en&start=2026-07-01&end=2026-07-31",
    {
        "keywords in a window": {
            "text": '"lake house" OR lakehouse -is:reply',
            "start": "2026-07-01",
            "limit": 100,
        },
        "what a cohort posted": {"did": [examples.DID, "did:plc:bbbbbbbbbbbbbbbbbbbbbbbb"], "sort": "oldest"},
        "who liked a post": {"dataset": "likes", "subject": examples.URI},
        "a sample": {"text": "lake", "sample": 500, "seed": 42},
    },
    {
        JSON: (
            shapes.SEARCH,
            {
                "results": [examples.POST],
                "meta": {
                    "count": 1,
                    "total": 1,
                    "total_relation": "eq",
                    "page": 1,
                    "limit": 50,
                    "next": None,
                    "complete": True,
                    "searched_to": None,
                    "hidden": 0,
                    "took_ms": 9,
                    "query": "lake OR fish",
                },
            },
        )
    },
    (404,),
)
TIMELINE = Endpoint(
    "Hits by time.",
    "How many rows match in each minute, hour, day or week, beside how many rows there are at all. A time without any "
    "row is missing: see the coverage.",
    "text=lake&by=hour&start=2026-07-01&end=2026-07-01",
    {"by day": {"text": "lake", "by": "day", "start": "2026-07-01", "end": "2026-07-31"}},
    {
        JSON: (
            shapes.TIMELINE,
            {
                "results": [{"start": "2026-07-01T12:00:00.000000Z", "hits": 87, "all": 141_207}],
                "meta": {"by": "hour", "hits": 87, "all": 141_207, "query": "lake", "took_ms": 40},
            },
        )
    },
    (404,),
)
TOP = Endpoint(
    "What occurs in most hits.",
    "Authors, hashtags, domains or languages with the number of hits that have them.",
    "text=lake&by=hashtags&limit=10",
    {"authors": {"text": "lake", "by": "authors", "limit": 100, "start": "2026-07-01"}},
    {
        JSON: (
            shapes.TOP_VALUES,
            {
                "results": [{"value": "fishing", "hits": 12}],
                "meta": {"by": "hashtags", "distinct": 831, "query": "lake", "took_ms": 60},
            },
        )
    },
    (404,),
)
_EXPORT_BODIES: dict[str, dict[str, Any]] = {
    "a cohort's posts": {"did": [examples.DID, "did:plc:bbbbbbbbbbbbbbbbbbbbbbbb"], "format": "parquet"},
    "which term matched": {"text": '"lake house" OR lakehouse', "fields": ["id", "text", "matched"]},
}
EXPORT = Endpoint(
    "All hits as a file.",
    "CSV, NDJSON or Parquet. What arrives is whole, or the connection ends without the final chunk. The manifest that "
    "`X-Export-Id` names says how many rows and which sha256 the file has. Also at /export.",
    "text=lake&format=csv&fields=id,text&start=2026-07-01&end=2026-07-01",
    _EXPORT_BODIES,
    {
        "text/csv": (shapes.TEXT, f"id,text\r\n{examples.URI},A walk around the lake\r\n"),
        "application/x-ndjson": (shapes.TEXT, f'{{"id":"{examples.URI}","text":"A walk around the lake"}}\n'),
        "application/vnd.apache.parquet": (shapes.BINARY, None),
    },
    (403, 404),
    ("Disposition", "ExportId"),
)
MANIFEST = Endpoint(
    "What an export would be.",
    "Takes the parameters of the export and describes it: the query as it was understood, the window, the columns, how "
    "many rows it would have, and where data are missing. Also at /export/manifest.",
    "text=lake&start=2026-07-01&end=2026-07-01",
    _EXPORT_BODIES,
    {JSON: (shapes.MANIFEST, {**examples.MANIFEST, "rows_relation": "eq", "coverage": examples.COVERAGE})},
    (404,),
)
MADE = Endpoint(
    "What an export was.",
    "The manifest of an export that was made, by its `X-Export-Id`, with the rows, bytes and sha256 of the body that "
    "was sent. Kept for 30 days.",
    "",
    {},
    {JSON: (shapes.MADE, {**examples.MANIFEST, **examples.MADE, "coverage": examples.COVERAGE})},
    (404,),
)
POSTS = Endpoint(
    "Posts by their AT-URIs.",
    "Up to 10,000: the rows, and which are deleted, hidden or unknown here. An old export is brought into line with "
    "deletions by asking for its `id` column and dropping what is not in `results`.",
    "",
    {"two posts": {"uris": [examples.URI, f"at://{examples.DID}/app.bsky.feed.post/3mabcdefghj2k"]}},
    {
        JSON: (
            shapes.POSTS,
            {
                "results": [examples.POST],
                "meta": {
                    "asked": 2,
                    "found": 1,
                    "deleted": [f"at://{examples.DID}/app.bsky.feed.post/3mabcdefghj2k"],
                    "hidden": [],
                    "unknown": [],
                    "complete": True,
                    "took_ms": 12,
                },
            },
        )
    },
)
STATS = Endpoint(
    "What the lake holds.",
    "Rows (all versions, the hidden ones too), bytes and files by dataset and day. Whole hours are counted.",
    "start=2026-07-01&end=2026-07-31",
    {"a month": {"start": "2026-07-01", "end": "2026-07-31"}},
    {
        JSON: (
            shapes.STATS,
            {
                "datasets": {
                    "posts": {
                        "dataset": "posts",
                        **examples.SUMS,
                        "oldest": "2026-07-01T00:00:00.012000Z",
                        "newest": "2026-07-01T23:59:59.991000Z",
                    }
                },
                "days": [{"day": "2026-07-01", "datasets": {"posts": examples.SUMS}}],
                "meta": {"took_ms": 3},
            },
        )
    },
)
COVERAGE = Endpoint(
    "How complete the lake is.",
    "The minutes of a window that have data, and the gaps with their reason, by the clock `seen`. The window is cut to "
    "what the lake has seen so far.",
    "start=2026-07-01&end=2026-07-31",
    {"a month": {"start": "2026-07-01", "end": "2026-07-31"}},
    {JSON: (shapes.COVERAGE, {**examples.COVERAGE, "meta": {"took_ms": 5}})},
)
