"""A count of everything takes no memory for each row."""

import numpy as np
import pyarrow as pa

from lake.catalog import commits
from lake.query.spec import Search
from lake.scan.snapshot import pin_snapshot
from lake.schema import DATASETS
from lake.search.reader import Reader
from lake.storage import layout, parquet_writer
from lake.storage.duckdb_engine import Engine
from lake.storage.parquet_options import COMPACTED
from tests.builders import NOON_US, delete

ROWS = 300_000


def big_hour(root):
    """A file of so many posts, listed, with little in them."""
    keys = pa.array([f"3l{number:011}" for number in range(ROWS)])
    columns = {
        "seen": NOON_US + np.arange(ROWS),
        "did": pa.array([f"did:plc:{number:024}" for number in range(ROWS)]),
        "rkey": keys,
        "rev": keys,
        "operation": pa.repeat("create", ROWS),
    }
    names = DATASETS["posts"].names
    table = pa.table({name: columns[name] if name in columns else pa.nulls(ROWS) for name in names})
    style = COMPACTED["posts"]._replace(level=1, group_rows=60_000)
    hour, name = layout.hour_of(NOON_US), layout.compacted_name(NOON_US // 1000)
    file = parquet_writer.write_parts(root, DATASETS["posts"], hour, name, [table], ROWS, style, dict)
    file.publish()
    commits.swap([], commits.NewFile(file, 0), lambda: None)


def test_a_count_keeps_no_rows_in_memory(lake, lake_root):
    big_hour(lake_root)
    lake.flush(delete(f"3l{7:011}", did=f"did:plc:{7:024}", rev="3m", time_us=NOON_US + ROWS))
    reader = Reader(Engine("60MB", 1, fence=lake_root), lake_root)
    assert reader.full_scan.count(pin_snapshot(Search(timeout=60)), 60) == (ROWS - 1, "eq")
