"""What an index stores of posts is what was given, whichever are read."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.textindex import stored_posts
from lake.textindex.stored_posts import Block, StoredPosts, encode
from tests.examples import one_in
from tests.lake.textindex.posts import POSTS, built, chunk_of, stored

TIMES = st.integers(-(2**63), 2**63 - 1)
ROWS = st.lists(st.tuples(st.binary(max_size=30), TIMES, TIMES), min_size=1, max_size=40)


@given(ROWS)
def test_a_block_gives_back_rows_and_times(rows):
    stored_rows, seen, created = zip(*rows, strict=True)
    block = Block(encode(StoredPosts(stored_rows, np.array(seen), np.array(created))), len(rows))
    assert [block.row(number) for number in range(len(rows))] == list(stored_rows)
    assert (block.seen_us.tolist(), block.created_us.tolist()) == (list(seen), list(created))


@one_in(5)
@given(POSTS, st.sets(st.integers(0, 39)), st.integers(1, 9))
def test_any_posts_of_an_index_are_those_that_were_given(tmp_path, posts, some, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored_posts, "BLOCK_ROWS", size)
        path = built(tmp_path, posts, chunk_rows=13)
    given_posts = chunk_of(posts).posts
    every = list(zip(given_posts.rows, given_posts.seen_us.tolist(), given_posts.created_us.tolist(), strict=True))
    assert stored(path) == every
    rows = sorted(row for row in some if row < len(posts))
    assert stored(path, rows) == [every[row] for row in rows]


def test_a_block_of_other_rows_is_refused():
    data = encode(StoredPosts([b"a", b"b"], np.array([1, 2]), np.array([1, 2])))
    for rows in (0, 1, 3):
        with pytest.raises(ValueError, match=r"posts|reshape|negative"):
            Block(data, rows)
    with pytest.raises(zlib.error):
        Block(data[:-1], 2)
