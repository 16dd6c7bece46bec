"""Each part of a text narrows to keys that the text has."""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from lake.query.index_terms import lowercase
from lake.textindex.ngrams import REPLACEMENT, ROW_BITS, author_key, gram_pairs, gram_ranges
from tests.builders import ALICE, BOB
from tests.lake.textindex.posts import ALPHABET

TEXT = st.text(ALPHABET, max_size=12).map(lowercase)


@given(TEXT, TEXT, TEXT)
def test_a_text_has_a_key_in_each_range_of_its_parts(before, part, after):
    text = (before + part + after).replace("\0", REPLACEMENT)
    keys = gram_pairs([text], [ALICE]) >> np.uint64(ROW_BITS)
    for low, high in gram_ranges(part):
        assert ((keys >= low) & (keys <= high)).any()


@given(st.lists(TEXT, min_size=1, max_size=5))
def test_pairs_are_distinct_ascending_and_numbered_by_text(texts):
    texts = [text.replace("\0", REPLACEMENT) for text in texts]
    together = gram_pairs(texts, [BOB] * len(texts))
    assert (np.diff(together) > 0).all()
    rows = together & np.uint64((1 << ROW_BITS) - 1)
    for number, text in enumerate(texts):
        alone = gram_pairs([text], [BOB]) >> np.uint64(ROW_BITS)
        assert (together[rows == number] >> np.uint64(ROW_BITS)).tolist() == alone.tolist()


@given(TEXT)
def test_a_part_narrows_from_three_characters_on(part):
    """Two characters, or one wide one, narrow too; characters whose low 16 bits are END start no gram."""
    assume(len(part) > 2)
    assume(all(ord(character) & 0xFFFF for character in part.replace("\0", REPLACEMENT)))
    assert gram_ranges(part)
    assert len(gram_ranges(part)) <= len(part)


def test_a_post_without_author_and_text_has_no_key():
    assert gram_pairs(["", ""], [None, ALICE]).tolist() == [author_key(ALICE) << ROW_BITS | 1]
    assert [gram_ranges(part) for part in ("", "a")] == [[], []]
