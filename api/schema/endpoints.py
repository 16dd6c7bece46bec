"""What /api/schema says of each endpoint. Each constant decorates its view."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter

from api.params.analysis import PostsParams, RowsByUriParams, ThreadParams, TimelineParams, TopParams
from api.params.export import ExportParams, MadeParams
from api.params.search import SearchParams
from api.params.strict import WindowParams
from api.schema import lookups, manifests, shapes
from api.schema.forms import BINARY, TEXT, Shape
from api.schema.openapi import JSON, described, header

_COHORT = [shapes.DID, "did:plc:bbbbbbbbbbbbbbbbbbbbbbbb"]
_DAYS = {"start": "2026-07-01", "end": "2026-07-31"}
_MONTH: dict[str, Any] = {"query": "start=2026-07-01&end=2026-07-31", "bodies": {"a month": _DAYS}}

SEARCH = described(
    "A page of hits.",
    "Posts, or rows of another dataset. `meta.next` is the token of the next page: repeat the request with it as "
    "`token` until it is null. Also at /search.",
    SearchParams,
    {JSON: shapes.PAGE},
    query="text=lake OR fish&lang=en&start=2026-07-01&end=2026-07-31",
    bodies={
        "keywords in a window": {"text": '"lake house" OR lakehouse -is:reply', "start": "2026-07-01", "limit": 100},
        "what a cohort posted": {"did": _COHORT, "sort": "oldest"},
        "who liked a post": {"dataset": "likes", "subject": shapes.POST_URI},
        "a sample": {"text": "lake", "sample": 500, "seed": 42},
    },
    errors=(404,),
)
TIMELINE = described(
    "Hits by time.",
    "How many rows match in each minute, hour, day or week, beside how many rows there are at all. A time without any "
    "row is missing: see the coverage.",
    TimelineParams,
    {JSON: shapes.TIMELINE},
    query="text=lake&by=hour&start=2026-07-01&end=2026-07-01",
    bodies={"by day": {"text": "lake", "by": "day", **_DAYS}},
    errors=(404,),
)
TOP = described(
    "What occurs in most hits.",
    "Authors, hashtags, domains or languages with the number of hits that have them.",
    TopParams,
    {JSON: shapes.TOP_VALUES},
    query="text=lake&by=hashtags&limit=10",
    bodies={"authors": {"text": "lake", "by": "authors", "limit": 100, "start": "2026-07-01"}},
    errors=(404,),
)
_EXPORT_BODIES: dict[str, dict[str, Any]] = {
    "a cohort's posts": {"did": _COHORT, "format": "parquet"},
    "which term matched": {"text": '"lake house" OR lakehouse', "fields": ["id", "text", "matched"]},
}
EXPORT = described(
    "All hits as a file.",
    "CSV, NDJSON or Parquet. The file arrives whole, or the connection ends without the final chunk. The manifest that "
    "`X-Export-Id` names has the number of rows and the sha256 of the file. `Range: bytes=N-` goes on with a download "
    "that broke off (206), with the ETag in `If-Range`; if a row of what was sent is deleted since, the whole comes "
    "anew (200). Also at /export.",
    ExportParams,
    {
        "text/csv": Shape(TEXT, f"id,text\r\n{shapes.POST_URI},A walk around the lake\r\n"),
        "application/x-ndjson": Shape(TEXT, f'{{"id":"{shapes.POST_URI}","text":"A walk around the lake"}}\n'),
        "application/vnd.apache.parquet": Shape(BINARY, None),
    },
    query="text=lake&format=csv&fields=id,text&start=2026-07-01&end=2026-07-01",
    bodies=_EXPORT_BODIES,
    errors=(403, 404, 416),
    headers=[
        header("Content-Disposition", "Name of the file, with the present date.", [200]),
        header("X-Export-Id", "Of its manifest.", [200]),
        header("ETag", "Names the body, for If-Range.", [200]),
    ],
)
MANIFEST = described(
    "What an export would be.",
    "Takes the parameters of the export and describes it: the query as it was understood, the window, the columns, how "
    "many rows it would have, and where data are missing. Also at /export/manifest.",
    ExportParams,
    {JSON: manifests.MANIFEST},
    query="text=lake&start=2026-07-01&end=2026-07-01",
    bodies=_EXPORT_BODIES,
    errors=(404,),
)
MADE = described(
    "What an export was.",
    "The manifest of an export that was made, by its `X-Export-Id`, with the rows, bytes and sha256 of the body that "
    "was sent. Kept for 30 days. With format=text, as the "
    "paragraphs of a methods section.",
    MadeParams,
    {JSON: manifests.MADE, "text/plain": Shape(TEXT, "Data. The posts come from the public Bluesky network.")},
    errors=(404,),
    headers=[
        OpenApiParameter(
            "export",
            {"type": "string", "pattern": "^[0-9a-f]{32}$"},
            OpenApiParameter.PATH,
            description="X-Export-Id.",
        )
    ],
)
POSTS = described(
    "Posts by their AT-URIs.",
    "Up to 10,000, by AT-URI or by URL at bsky.app: the rows, and which are deleted, hidden or unknown here. To bring "
    "an old export into line with deletions, send its `id` column and drop what is not in `results`.",
    PostsParams,
    {JSON: lookups.POSTS},
    bodies={"two posts": {"uris": [shapes.POST_URI, shapes.DELETED_URI]}},
    errors=(404,),
)
ROWS = described(
    "Rows of any dataset by their AT-URIs.",
    "Up to 100,000 URIs of posts, likes, reposts, follows, blocks, profiles and other records, of several of them in "
    "one request: the rows, oldest first in each dataset, with the columns of all of these datasets. JSON says what is "
    "deleted, hidden or unknown in `meta`; of a file, `lookup` of the manifest that `X-Export-Id` names says it.",
    RowsByUriParams,
    {
        JSON: lookups.LISTED_ROWS,
        "text/csv": Shape(TEXT, f"id,dataset\r\n{shapes.POST_URI},posts\r\n"),
        "application/x-ndjson": Shape(TEXT, f'{{"id":"{shapes.POST_URI}","dataset":"posts"}}\n'),
        "application/vnd.apache.parquet": Shape(BINARY, None),
    },
    bodies={
        "a post and a like": {"uris": [shapes.POST_URI, lookups.LIKE_URI]},
        "as a file": {"uris": [shapes.POST_URI], "format": "csv", "fields": ["id", "dataset", "text"]},
    },
    errors=(403, 404),
    headers=[
        header("Content-Disposition", "Name of the file; not of JSON.", [200], required=False),
        header("X-Export-Id", "Of its manifest; not of JSON.", [200], required=False),
    ],
)
THREAD = described(
    "The thread of a post.",
    "The root, with replies in the `replies` of what they answer, and the posts that quote the root or the asked post. "
    "What is answered and does not show has a place without a post: it is deleted, hidden (its account is not active) "
    "or unknown here. The oldest 1,000 posts and the oldest 100 quotes.",
    ThreadParams,
    {JSON: shapes.THREAD},
    query=f"uri={shapes.POST_URI}",
    bodies={"by its URL": {"uri": f"https://bsky.app/profile/{shapes.DID}/post/3mabcdefghi2k"}},
    errors=(404,),
)
STATS = described(
    "What the lake holds.",
    "Rows (all versions, the hidden ones too), bytes and files by dataset and day. Whole hours are counted.",
    WindowParams,
    {JSON: shapes.STATS},
    **_MONTH,
)
COVERAGE = described(
    "How complete the lake is.",
    "The minutes of a window that have data, and the gaps with their reason, by the clock `seen`. The window is cut to "
    "what the lake has seen so far.",
    WindowParams,
    {JSON: shapes.COVERAGE},
    **_MONTH,
)
