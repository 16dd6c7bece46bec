"""The column of labels: its type in Parquet, its JSON elsewhere, and how it comes to the rows."""

from collections.abc import Callable, Mapping

import pyarrow as pa

from lake.export.columns import LABELS

TYPE = pa.list_(
    pa.struct(
        [
            ("name", pa.string()),
            ("score", pa.float64()),
            *((name, pa.string()) for name in ("value", "model", "version")),
            ("labelled_at", pa.timestamp("us", tz="UTC")),
        ]
    )
)
# What labels are found by, and the columns that hold it.
LABELLED = {name: f"_{name}" for name in ("seen", "seen_us", "did", "rkey", "rev")}
STRUCTS = "labels"  # SQL over the list `labels` of lake.search.post_labels
# The same as JSON: what is in a list is as in an answer of the API.
JSON = """to_json(list_transform(labels, lambda x: struct_update(x,
    labelled_at := strftime(x.labelled_at, '%Y-%m-%dT%H:%M:%S.%fZ'))))::VARCHAR"""


def add_labels(table: pa.Table, place: int, key: Mapping[str, str], labels: Callable[[pa.Table], pa.Table]) -> pa.Table:
    """With a column of labels at `place`. `key`: the columns by which `labels` finds them, by the names it knows."""
    rows = pa.table({name: table[column] for name, column in key.items()})
    return table.add_column(place, LABELS, labels(rows)[LABELS])
