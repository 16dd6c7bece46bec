"""Rows that an index picked come in the range of their time, each once."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.query.spec import Search
from lake.scan import narrowing
from lake.scan.narrowing import Narrower
from lake.scan.scan_range import ScanFile
from lake.textindex.stored_posts import StoredPosts


@pytest.fixture(scope="module", autouse=True)
def two_at_once():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(narrowing, "AT_ONCE", 2)
        yield


@given(
    times=st.lists(st.integers(1, 20), min_size=1, max_size=12),
    bounds=st.sets(st.integers(2, 20)),
    newest=st.booleans(),
    name=st.sampled_from(["c-1.parquet", "f-1.parquet"]),
)
def test_each_row_comes_in_the_range_of_its_time(times, bounds, newest, name):
    """Compacted files have their rows in the order of time, flushed ones as they came."""
    seen = np.array(sorted(times) if name.startswith("c") else times, np.int64)
    search = Search(newest=newest)
    positions = search.position(1) * seen

    def stored(rows):
        return StoredPosts([b""] * len(rows), seen[rows], seen[rows])

    file = ScanFile(f"posts/{name}", len(seen), 0, 0, 0, 0, picked=np.arange(len(seen), dtype=np.uint32), stored=stored)
    narrower = Narrower(search)
    ends = sorted({search.position(1) * bound for bound in {0, 21, *bounds}}, reverse=True)
    for above, low in pairwise(ends):
        narrowed = narrower(file, low, above - 1)
        wanted = np.flatnonzero((positions >= low) & (positions < above))
        assert sorted(narrowed.picked) == wanted.tolist()
        assert narrowed.times_us.tolist() == seen[narrowed.picked].tolist()
