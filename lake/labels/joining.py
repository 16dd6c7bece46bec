"""Labels beside their posts: which get a version of a post, and which have to wait for it."""

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from lake.labels import posts
from lake.labels.fold import new_labels
from lake.labels.posts import ListFiles
from lake.storage.duckdb_engine import Engine
from process.instants import microseconds

_WITH_POST = """
    SELECT label.* REPLACE (coalesce(labelled_at, moment) AS labelled_at), labelled_at IS NOT NULL AS timed,
        rev, seen, created_at
    FROM label JOIN post USING (did, rkey) ORDER BY row
"""
_WITHOUT = "SELECT label.* FROM label ANTI JOIN post USING (did, rkey) ORDER BY row"


class Joined(NamedTuple):
    """`new`: what LabelWriter takes. `found`: labels whose post is there, whether they are new or not; `missing`: the
    others. Both as they came in."""

    new: pa.Table
    found: pa.Table
    missing: pa.Table


def join(engine: Engine, root: Path, labels: pa.Table, files: ListFiles) -> Joined:
    """`labels`: as parse() gives them, with `moment`: the labelled_at of those that say none. `files`: where to look.
    Raises LakeUnusable and QueryTooLarge."""
    keys = engine.table("SELECT DISTINCT did, rkey FROM label", label=labels)
    post = posts.find(engine, root, keys, files)
    found = engine.table(_WITH_POST, label=labels, post=post)
    missing = engine.table(_WITHOUT, label=labels, post=post)
    return Joined(new_labels(engine, root, found), found, missing)


def with_moment(labels: pa.Table, moment: datetime) -> pa.Table:
    same = (
        pa.array([microseconds(moment)], pa.int64())
        .cast(pa.timestamp("us"))
        .take(pa.array([0] * labels.num_rows, pa.int32()))
    )
    return labels.append_column("moment", same)
