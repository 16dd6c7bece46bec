"""Examples of answers, for /api/schema. All of it is made up."""

DID = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
URI = f"at://{DID}/app.bsky.feed.post/3mabcdefghi2k"
DELETED_URI = f"at://{DID}/app.bsky.feed.post/3mabcdefghj2k"
MONTH = {"start": "2026-07-01", "end": "2026-07-31"}
POST = {
    "id": URI,
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
    "url": f"https://bsky.app/profile/{DID}/post/3mabcdefghi2k",
}
PAGE = {
    "results": [POST],
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
}
TIMELINE = {
    "results": [{"start": "2026-07-01T12:00:00.000000Z", "hits": 87, "all": 141_207}],
    "meta": {"by": "hour", "hits": 87, "all": 141_207, "query": "lake", "took_ms": 40},
}
TOP = {
    "results": [{"value": "fishing", "hits": 12}],
    "meta": {"by": "hashtags", "distinct": 831, "query": "lake", "took_ms": 60},
}
POSTS = {
    "results": [POST],
    "meta": {
        "asked": 2,
        "found": 1,
        "deleted": [DELETED_URI],
        "hidden": [],
        "purged": [],
        "unknown": [],
        "complete": True,
        "took_ms": 12,
    },
}
_SUMS = {"rows": 3_400_000, "bytes": 408_000_000, "files": 24}
_TIMES = {"oldest": "2026-07-01T00:00:00.012000Z", "newest": "2026-07-01T23:59:59.991000Z"}
STATS = {
    "datasets": {"posts": {"dataset": "posts", **_SUMS, **_TIMES}},
    "days": [{"day": "2026-07-01", "datasets": {"posts": _SUMS}}],
    "meta": {"took_ms": 3},
}
COVERAGE = {
    "start": "2026-07-01T00:00:00Z",
    "end": "2026-07-02T00:00:00Z",
    "minutes": 1440,
    "minutes_with_data": 1437,
    "events": 41_000_000,
    "gaps": [
        {
            "start": "2026-07-01T03:10:00Z",
            "end": "2026-07-01T03:13:00Z",
            "minutes": 3,
            "why": "connection closed (jetstream.example: no frame for 30 s)",
        }
    ],
    "gaps_total": 1,
    "newest": "2026-07-02T00:00:00.003000Z",
}
MANIFEST = {
    "made_at": "2026-07-03T09:00:00.000000Z",
    "query": "lake",
    "parameters": {"text": "lake", "start": "2026-07-01", "end": "2026-07-01", "format": "parquet"},
    "window": {
        "clock": "seen",
        "start": "2026-07-01T00:00:00.000000Z",
        "end": "2026-07-02T00:00:00.000000Z",
        "seen_until": "2026-07-03T08:59:58.120000Z",
    },
    "order": "seen, did, rkey; newest first",
    "columns": [{"name": "id", "type": "string", "meaning": "AT-URI of the record"}],
    "newest_seen": "2026-07-03T08:59:58.120000Z",
    "hidden": "what was deleted, replaced by a newer version, or is of an account that is not active",
    "row_limit": None,
    "flags": {"hide_deleted": True, "export_limit_rows": 0},
    "software": "0.1.0",
    "schema_version": 1,
    "rows": 8431,
}
MADE = {
    "id": "0f8fad5bd9cb469fa16570867728950e",
    "state": "complete",
    "error": None,
    "bytes": 1_204_311,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "started_at": "2026-07-03T09:00:00.000000Z",
    "finished_at": "2026-07-03T09:00:04.000000Z",
    "nuls_replaced": 0,
}
