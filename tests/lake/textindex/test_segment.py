"""A damaged index raises IndexDamaged and is never believed."""

from contextlib import closing

import pytest

from lake.query.index_terms import index_terms
from lake.query.tree import Filter, Term
from lake.textindex import segment
from lake.textindex.lookup import TextIndex
from lake.textindex.segment import IndexDamaged
from tests.builders import ALICE
from tests.lake.textindex.posts import built, candidates, stored


@pytest.fixture
def damaged(tmp_path, monkeypatch):
    """The bytes of a good index, and a function that runs the same queries on any bytes."""
    monkeypatch.setattr(segment, "BLOCK_KEYS", 8)
    posts = [(f"{'lake' if number % 3 else 'river'} {number}", ALICE, None) for number in range(30)]
    good = built(tmp_path, posts).read_bytes()
    path = tmp_path / "damaged"
    nodes = (Term(("lake 1",)), Term(("iver",)), Filter("author", (ALICE,)), Term(("ke",)), Term(("xyz",)))

    def answers(data):
        path.write_bytes(data)
        return [*(sorted(candidates(path, node, 30)) for node in nodes), stored(path)]

    return good, answers


def test_a_changed_byte_is_noticed_or_harmless(damaged):
    good, answers = damaged
    right = answers(good)
    noticed = 0
    for place in range(len(good)):
        try:
            assert answers(good[:place] + bytes([good[place] ^ (1 << place % 8)]) + good[place + 1 :]) == right
        except IndexDamaged:
            noticed += 1
    assert noticed > len(good) / 3  # the other bytes are in blocks that no query reads


def test_a_shortened_or_lengthened_file_is_noticed(damaged):
    good, answers = damaged
    for size in range(0, len(good), 7):
        with pytest.raises(IndexDamaged):
            answers(good[:size])
    for data in (good[:100] + good[101:], good + b"\0", good[:50] + b"\0" + good[50:], bytes(len(good))):
        with pytest.raises(IndexDamaged):
            answers(data)


def test_an_open_index_outlives_its_file_and_a_missing_one_is_damaged(tmp_path):
    path = built(tmp_path, [("hello", ALICE, None)])
    with closing(TextIndex(path)) as index:
        path.unlink()
        assert index.candidates(index_terms(Term(("hello",)))).tolist() == [0]
    with pytest.raises(IndexDamaged, match="No such file"):
        TextIndex(path)
