"""Stored rows are those of the file, with its types."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from lake.query.spec import Search
from lake.scan.hit import select_list
from lake.scan.scanner import columns_of
from lake.scan.search_sql import Statement
from lake.schema import DATASETS
from lake.storage import parquet_writer, stored_rows
from lake.storage.stored_rows import COLUMNS, NO_TIME

SCHEMA = parquet_writer.schema(DATASETS["posts"])
TEXTS = st.none() | st.text(max_size=8)
VALUES = {
    field.name: st.none() | st.lists(TEXTS, max_size=3) if pa.types.is_list(field.type) else TEXTS for field in SCHEMA
}
TIMES = st.integers(-(10**15), 10**15)
POSTS = st.lists(st.tuples(st.tuples(*(VALUES[name] for name in COLUMNS)), TIMES, st.just(NO_TIME) | TIMES), max_size=5)
EVERY = [*COLUMNS, "seen", "created_at", "state", "state_seen"]


@given(POSTS, st.permutations(EVERY))
def test_a_stored_row_gives_back_its_columns_with_their_types(posts, columns):
    rows = [stored_rows.encode(values) for values, _, _ in posts]
    seen, created = (np.array([times[n] for _, *times in posts], np.int64) for n in (0, 1))
    table = stored_rows.table(rows, seen, created, columns)
    assert table.schema.equals(pa.schema([SCHEMA.field(name) for name in columns]))
    assert [stored_rows.text(row) for row in rows] == table["text"].to_pylist()
    for place, name in enumerate(COLUMNS):
        assert table[name].to_pylist() == [values[place] for values, _, _ in posts]
    dates = [None if us == NO_TIME else us for us in created.tolist()]
    assert table["seen"].cast(pa.int64()).to_pylist() == seen.tolist()
    assert table["created_at"].cast(pa.int64()).to_pylist() == dates
    assert table["state"].null_count == table["state_seen"].null_count == len(posts)


def test_all_that_a_page_shows_is_stored():
    shown = Statement(f"SELECT {select_list(Search())}", {})
    assert set(columns_of(shown)) <= set(EVERY)


def test_what_is_not_stored_is_to_be_read_from_the_file():
    row, one, none = stored_rows.encode([None] * len(COLUMNS)), np.zeros(1, np.int64), np.zeros(0, np.int64)
    assert stored_rows.table([row], one, one, ["did"]) is not None
    assert stored_rows.table([b""], one, one, ["did"]) is None
    assert stored_rows.table([row], one, one, ["did", "embed"]) is None
    assert stored_rows.table([], none, none, ["did"]).num_rows == 0
