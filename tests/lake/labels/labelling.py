"""Labels as tests write them, and a lake's labels as tests read them."""

import pyarrow as pa

from lake.labels.writer import INPUT, LABELS, LabelWriter
from lake.storage import parquet_writer

_SCHEMA = parquet_writer.schema(LABELS)


def labels_of(post, *said):
    """Rows of INPUT, of one post as `lake.rows("posts")` has it."""
    of = {name: post[name] for name in ("seen", "did", "rkey", "rev", "created_at")}
    return [of | {"name": "toxic"} | row for row in said]


def table(rows):
    return pa.table(
        {name: pa.array([row.get(name) for row in rows], plain(_SCHEMA.field(name).type)) for name in INPUT}
    )


def plain(kind):
    """Times without a zone, as Python reads them from DuckDB."""
    return pa.timestamp("us") if pa.types.is_timestamp(kind) else kind


def write(root, rows, also=lambda: None):
    writer = LabelWriter(root)
    writer.prepare()
    return writer.write(table(rows), also)
