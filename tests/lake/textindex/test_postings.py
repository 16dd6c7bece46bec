"""Posting lists come out of a block as they went in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.textindex.postings import MAX_UNIVERSE, Block, PostingLists, encode


def lists_of(postings):
    keys = sorted(postings)
    return PostingLists(
        np.array(keys, np.uint64),
        np.array([len(postings[key]) for key in keys], np.int64),
        np.array([n for key in keys for n in sorted(postings[key])], np.uint32),
    )


@st.composite
def blocks(draw):
    universe = draw(st.sampled_from([1, 2, 17, 1000, MAX_UNIVERSE]))
    doc_ids = st.sets(st.integers(0, universe - 1), min_size=1, max_size=60)
    return universe, draw(st.dictionaries(st.integers(0, (1 << 48) - 1), doc_ids, min_size=1, max_size=8))


@given(blocks(), st.data())
def test_any_lists_are_decoded_as_they_were_encoded(block, data):
    universe, postings = block
    lists = lists_of(postings)
    decoded = Block(encode(lists, universe), universe)
    assert [array.tolist() for array in decoded.lists()] == [array.tolist() for array in lists]
    first = data.draw(st.integers(0, len(postings) - 1))
    last = data.draw(st.integers(first + 1, len(postings)))
    expected = [n for key in sorted(postings)[first:last] for n in sorted(postings[key])]
    assert decoded.doc_ids(first, last).tolist() == expected


@pytest.mark.parametrize("every", [1, 3, 100, 5000])
def test_dense_and_sparse_lists_in_one_block(every):
    """Lists of different widths share the planes."""
    postings = {7: set(range(0, 100_000, every)), 8: {99_999}, 9: set(range(0, 100_000, 2 * every))}
    lists = lists_of(postings)
    data = encode(lists, 100_000)
    assert Block(data, 100_000).doc_ids(0, 3).tolist() == lists.doc_ids.tolist()
    assert Block(data, 100_000).doc_ids(1, 2).tolist() == [99_999]


def test_a_dense_list_takes_about_two_bits_a_doc_id():
    lists = lists_of({1: set(range(1 << 16))})
    assert len(encode(lists, 1 << 16)) < (1 << 16) * 2 / 8 + 100
