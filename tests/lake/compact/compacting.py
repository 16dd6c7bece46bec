"""A compactor at work, and looks at what it left."""

from datetime import UTC, datetime

import pyarrow.parquet as pq

from lake.compact.compactor import Compactor
from lake.storage import derived_cids, layout
from tests.builders import BOB, account, commit, delete, identity, like, post

MINUTE = 60_000_000
HOUR = 60 * MINUTE
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def make(root, after=0, grace=0, stop=lambda: False):
    return Compactor(root, root / layout.SCRATCH, 1, after, grace, stop)


def daily(compactor, purge=True):
    return compactor.round(daily=True, patient=False, purge=purge)


def names(root):
    """Of the data files on the disk."""
    return sorted(path.name for path in root.rglob("*.parquet") if layout.SCRATCH not in path.parts)


def texts(root):
    """All that Parquet files hold under the root, decompressed."""
    return "\n".join(str(pq.ParquetFile(path).read().to_pylist()) for path in root.rglob("*.parquet"))


def states(lake, dataset="posts"):
    return {row["rkey"]: row["state"] for row in lake.rows(dataset)}


def whole(dataset, row):
    """The row with the CID that compaction leaves out."""
    return {**row, "cid": derived_cids.cid(dataset, row)}


def fill(lake):
    for number in range(3):
        lake.flush(
            post(f"text {number}", rkey=f"p{number}"),
            like(f"at://x/y/{9 - number}"),
            commit("app.bsky.graph.follow", {"$type": "app.bsky.graph.follow", "subject": BOB}),
            commit(
                "app.bsky.actor.profile", {"$type": "app.bsky.actor.profile", "displayName": "a"}, rkey=f"s{number}"
            ),
            commit("com.example.thing", {"$type": "com.example.thing", "n": number}),
            delete(f"gone{number}", "app.bsky.feed.like"),
            account(True, seq=number),
            identity("alice.example", seq=10 + number),
        )
