"""Rows by their numbers are those that DuckDB reads at these places."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.errors import LakeUnusable, QueryTimeout
from lake.storage.row_reader import joined, read_rows
from tests.examples import one_in

ROWS = 50
SECOND_US = 1_000_000


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Two files of ten row groups; every fifth time of the first is null."""
    folder = tmp_path_factory.mktemp("files")
    for number in range(2):
        times = [None if number == 0 and row % 5 == 0 else row * SECOND_US for row in range(ROWS)]
        table = pa.table({
            "did": [f"{number}-{row}" for row in range(ROWS)],
            "seen": pa.array(times, pa.timestamp("us", "UTC")),
            "text": ["x"] * ROWS,
        })  # fmt: skip
        pq.write_table(table, folder / f"{number}.parquet", row_group_size=5)
    return [folder / "0.parquet", folder / "1.parquet"]


NUMBERS = st.sets(st.integers(0, ROWS - 1), min_size=1).map(lambda rows: np.array(sorted(rows), np.uint32))


@one_in(2)
@given(NUMBERS, NUMBERS)
def test_rows_are_those_of_the_numbers(paths, first, second):
    picks = list(zip(paths, (first, second), strict=True))
    table = joined(read_rows(picks, ["did", "seen"], 2, 60))
    assert table.column_names == ["did", "seen"]
    assert sorted(table["did"].to_pylist()) == sorted([*(f"0-{n}" for n in first), *(f"1-{n}" for n in second)])
    first_times = [None if n % 5 == 0 else int(n) * SECOND_US for n in first]
    seen = table["seen"].cast(pa.timestamp("us")).cast(pa.int64()).to_pylist()
    assert seen == [*first_times, *(int(n) * SECOND_US for n in second)]


def test_times_keep_their_instant(paths):
    (table,) = read_rows([(paths[1], np.array([7], np.uint32))], ["seen"], 1, 60)
    (row,) = table["seen"].to_pylist()
    assert row == datetime(1970, 1, 1, 0, 0, 7, tzinfo=UTC)


def test_a_deadline_that_has_passed_is_a_timeout(paths):
    with pytest.raises(QueryTimeout, match="limit of 0 s"):
        read_rows([(paths[0], np.array([1], np.uint32))], ["did"], 1, 0)


@pytest.mark.parametrize("damage", ["missing", "cut", "fewer rows"])
def test_a_file_that_cant_be_read_is_a_lake_that_cant_be_read(paths, tmp_path, damage):
    path = tmp_path / f"{damage}.parquet"
    if damage == "cut":
        path.write_bytes(paths[0].read_bytes()[:-10])
    if damage == "fewer rows":
        pq.write_table(pa.table({"did": ["0-0"]}), path)
    with pytest.raises(LakeUnusable):
        read_rows([(path, np.array([1], np.uint32))], ["did"], 1, 60)
