"""Which labels are new: not said twice, and not what the lake has already."""

from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from lake.catalog import listing, read_guard
from lake.storage import layout
from lake.storage.duckdb_engine import Engine

HOUR_US = 3_600_000_000
SAID = ("name", "model", "version", "labelled_at", "score", "value")
_SAME = " AND ".join(f"known.{name} IS NOT DISTINCT FROM label.{name}" for name in SAID)

_KNOWN = """SELECT did, rkey, rev, name, model, version, labelled_at::TIMESTAMP AS labelled_at, score, value, arrival
    FROM lake_rows($files) SEMI JOIN label USING (did, rkey, rev) WHERE name IS NOT NULL"""

# A label without a time has the moment of its import. Where it is the first of the chunk for its (post, name, model)
# and says what the latest label says, nothing has changed.
_NEW = f"""
    WITH once AS (
        SELECT * FROM label QUALIFY row_number() OVER (PARTITION BY did, rkey, rev, {", ".join(SAID)} ORDER BY row) = 1
    ), added AS (
        SELECT * FROM once AS label WHERE NOT EXISTS (FROM known WHERE known.did = label.did AND known.rkey = label.rkey
            AND known.rev = label.rev AND {_SAME})
    ), latest AS (
        SELECT did, rkey, rev, name, model, arg_max({{'version': version, 'score': score, 'value': value}},
            (labelled_at, arrival)) AS said
        FROM known GROUP BY ALL
    ), ranked AS (
        SELECT *, row_number() OVER (PARTITION BY did, rkey, rev, name, model ORDER BY row) AS place FROM added
    )
    SELECT label.* EXCLUDE (place) FROM ranked AS label
    WHERE label.timed OR label.place > 1 OR NOT EXISTS (FROM latest
        WHERE latest.did = label.did AND latest.rkey = label.rkey AND latest.rev = label.rev
            AND latest.name = label.name AND latest.model IS NOT DISTINCT FROM label.model
            AND latest.said.version IS NOT DISTINCT FROM label.version
            AND latest.said.score IS NOT DISTINCT FROM label.score
            AND latest.said.value IS NOT DISTINCT FROM label.value)
    ORDER BY label.row
"""  # noqa: S608 - our own names


def new_labels(engine: Engine, root: Path, labels: pa.Table) -> pa.Table:
    """`labels`: the columns that the writer takes, `row` in order of arrival, and `timed`: labelled_at was said. Only
    the holder of the writer's lock may call this: nobody else adds labels meanwhile."""
    if not labels.num_rows:
        return labels
    hours = np.unique(labels["seen"].cast(pa.int64()).to_numpy() // HOUR_US)
    find = partial(_paths, [layout.hour_of(int(hour) * HOUR_US) for hour in hours])
    known = read_guard.read_current(find, partial(_known, engine, root, labels))
    return engine.table(_NEW, label=labels, known=known)


def _paths(hours: list[datetime]) -> list[str]:
    wanted = set(hours)
    files = listing.files_of("labels").filter(hour__gte=min(hours), hour__lte=max(hours))
    return [path for path, hour in files.values_list("path", "hour") if hour in wanted]


def _known(engine: Engine, root: Path, labels: pa.Table, paths: list[str]) -> pa.Table:
    if not paths:
        return (
            labels.select(["did", "rkey", "rev", *SAID]).slice(0, 0).append_column("arrival", pa.array([], pa.int64()))
        )
    return engine.table(_KNOWN, {"files": [str(root / path) for path in paths]}, label=labels)
