"""No match is missed, and few other posts are candidates."""

from contextlib import closing

from hypothesis import given

from lake.query.index_terms import index_terms
from lake.query.tree import And, Filter, Not, Or, Term
from lake.textindex import lookup
from lake.textindex.lookup import TextIndex
from tests.builders import ALICE, BOB
from tests.examples import one_in
from tests.lake.textindex.posts import NODES_LIST, POSTS, built, candidates, expected


@one_in(5)
@given(POSTS, NODES_LIST)
def test_no_match_is_missed(tmp_path, posts, nodes):
    path = built(tmp_path, posts)
    for node in nodes:
        assert expected(node, posts) <= candidates(path, node, len(posts))


def test_characters_that_collide_are_found(tmp_path):
    posts = [("𠀀山 𝓵𝓸", ALICE, None), ("펍", ALICE, None), ("山", ALICE, None), ("x\0y z 東\0z", BOB, None)]
    path = built(tmp_path, posts)
    for text, rows in (
        ("山", {0, 2}),
        ("𝓵𝓸", {0}),
        ("x\0y", {3}),
        ("\ufffdy", {3}),
        ("y z", {3}),
        (" z", {3}),
        ("東\0z", {3}),
    ):
        assert candidates(path, Term((text,)), len(posts)) >= rows
    assert candidates(path, Term(("山",)), len(posts)) == {0, 2}  # one wide character is enough
    assert candidates(path, Term((" z",)), len(posts)) == {3}  # and so are two others


def test_any_part_of_a_text_is_found(tmp_path):
    text = "In 東京都に tokyo, 펍 👍🏿x!"
    path = built(tmp_path, [("other", BOB, None), (text, ALICE, None), (None, BOB, None)])
    with closing(TextIndex(path)) as index:
        for start in range(len(text)):
            for end in range(start + 1, len(text) + 1):
                part = text[start:end]
                found = index.candidates(index_terms(Term((part,))))
                assert found.tolist() == [1] if found is not None else len(part) == 1


def test_only_posts_that_may_match_are_candidates(tmp_path):
    posts = [(f"post {number} about {'lakes' if number % 10 == 0 else 'rivers'}", BOB, None) for number in range(1000)]
    posts[500] = (posts[500][0], ALICE, None)
    path = built(tmp_path, posts)
    assert candidates(path, Term(("t la",)), 1000) == set(range(0, 1000, 10))
    assert candidates(path, Filter("author", (ALICE,)), 1000) == {500}
    assert candidates(path, And((Term(("lakes",)), Filter("author", (ALICE,)))), 1000) == {500}
    assert candidates(path, And((Term(("seas",)),)), 1000) == set()
    either = Or((Term(("lakes",)), Term(("a",))))
    for node in (either, Term(("a",)), Not(Term(("lakes",))), Filter("lang", ("en",)), And(()), Or(())):
        with closing(TextIndex(path)) as index:
            assert index.candidates(index_terms(node)) is None


def test_an_estimate_above_the_limit_decodes_nothing(tmp_path):
    path = built(tmp_path, [("hello", ALICE, None)] * 10)
    query = index_terms(Term(("hello",)))
    with closing(TextIndex(path)) as index:
        assert index.candidates(query, 10).tolist() == list(range(10))
        assert index.candidates(query, 9) is None


def test_all_lists_of_a_term_are_decoded_when_that_is_worth_it(tmp_path, monkeypatch):
    path = built(tmp_path, [("abcd", ALICE, None)] * 99 + [("abc bcd", ALICE, None)] * 99)
    term = Term(("abcd",))
    assert candidates(path, term, 198) == set(range(99)) | set(range(99, 198))  # both grams are everywhere
    posts = [("abc", ALICE, None)] * 50 + [("bcd", ALICE, None)] * 60 + [("abcd", ALICE, None)]
    path = built(tmp_path, posts)
    assert candidates(path, term, 111) == {110}
    monkeypatch.setattr(lookup, "READ_COST", 0)
    assert len(candidates(path, term, 111)) == 51
