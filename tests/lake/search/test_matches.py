"""Where in a text a query's terms are: against the reference that DuckDB's answers are held against."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.query.parser import parse
from lake.query.tree import And, Filter, Not, Or, Term
from lake.search.matches import MOST, finder
from tests.lake.query.reference import fold, has_term, says_hashtag, stands_alone

CHARACTERS = "aAbBéÉe\u0301ßẞİıIiΣσςжЖ東京カーﾞが가ไท๑م1²_-%\\'\" \n\0👩\u200d️❤.#＃*"
TEXTS = st.text(CHARACTERS, max_size=12)
PARTS = st.text(CHARACTERS, min_size=1, max_size=3)
TERMS = st.one_of(
    st.builds(Term, st.lists(PARTS, min_size=1, max_size=3).map(tuple), st.just(False)),
    st.builds(Term, st.tuples(PARTS), st.just(True)),
)


@pytest.mark.parametrize(
    ("query", "text", "shown"),
    [
        ("lake", "Lake, LAKES and flakes", ["Lake", "LAKE", "lake"]),
        ('"lake house"', "a Lake House. lake  house", ["Lake House"]),
        ("“lake house”", "lake house", ["lake house"]),
        ("lake house", "house by the lake", ["house", "lake"]),
        ("lake -house", "lake house", ["lake"]),
        ("-(lake house)", "lake", []),
        ("lake -(house -lake)", "lake house lake", ["lake", "lake"]),
        ("lake OR house", "a house", ["house"]),
        ("(lake lang:fr) OR house", "a lake house", ["lake", "house"]),  # though the post may not be in French
        ("roy*cooper", "roy and roy COOPER", ["roy", "COOPER"]),
        ("roy*cooper", "cooper roy", []),
        ("a*b*c", "abc abxc a", ["a", "b", "c", "a", "b", "c"]),
        ("lake lakes", "lakes", ["lakes"]),
        ("aa", "aaaaa", ["aa", "aa"]),
        ("100%_sure", "it is 100%_Sure", ["100%_Sure"]),
        ("exact:cooper", "Coopers, Cooper's (cooper)", ["Cooper", "cooper"]),
        ("exact:cooper", "cooper cooper", ["cooper", "cooper"]),
        ("exact:cat", "catが好き concat", ["cat"]),
        ("exact:cafe", "cafe\u0301 cafe", ["cafe"]),
        ('exact:"a*b"', "aXb a*b", ["a*b"]),
        ("istanbul", "İSTANBUL is İstanbul", ["İSTANBUL", "İstanbul"]),
        ("σ", "Σς", ["Σ"]),
        ("湖", "👩‍🚀の湖", ["湖"]),
        ("#lake", "lake #lakes #LAKE a#lake #lake-house ＃Lake", ["#LAKE", "#lake", "＃Lake"]),
        ("#c++", "about #C++", ["#C++"]),
        ("#one,#two", "#two #three #one", ["#two", "#one"]),
        ("-#lake", "#lake", []),
        ("from:did:plc:abc has:image", "from:did:plc:abc has:image", []),
        ("", "lake", []),
    ],
)
def test_what_of_a_text_is_shown(query, text, shown):
    assert [text[begin:end] for begin, end in finder(parse(query))(text)] == shown


def test_a_post_without_text_has_no_places():
    assert finder(parse("lake"))(None) == []


@given(TERMS, TEXTS)
def test_a_term_has_places_in_the_texts_that_it_matches_and_each_is_one_of_its_parts(term, text):
    places = finder(term)(text)
    assert bool(places) == has_term(term, text)
    for begin, end in places:
        assert 0 <= begin < end <= len(text)
        folded = fold(text[begin:end])
        assert any(fold(part) in folded for part in term.parts)
        if term.whole and folded == fold(term.parts[0]):
            assert stands_alone(fold(text), begin, end)


@given(st.lists(TERMS, max_size=4), st.lists(TERMS, max_size=2), TEXTS)
def test_places_of_several_terms_are_ascending_and_apart(wanted, excluded, text):
    node = And((Or(tuple(wanted)), Not(Or(tuple(excluded)))))
    places = finder(node)(text)
    assert bool(places) == any(has_term(term, text) for term in wanted)
    assert all(end <= begin for (_, end), (begin, _) in pairwise(places))


@given(st.text("aA1_é東-+.,&/#🔥", min_size=1, max_size=3), TEXTS | st.text("aA1_é#＃ \n(&/.", max_size=12))
def test_a_hashtag_has_places_in_the_texts_that_say_it(tag, text):
    wanted = fold(tag.lstrip("#"))
    places = finder(Filter("tag", (tag,)))(text)
    assert bool(places) == bool(wanted and says_hashtag(fold(text), wanted))
    assert all(fold(text[begin:end])[1:] == wanted for begin, end in places if end - begin == len(wanted) + 1)


def test_hostile_texts_and_queries_take_bounded_work():
    """Texts of a thousand times the length of a post: work that grows with its square would not end."""
    long = 300_000
    cases = [
        ("*".join("a" * 50), "a" * long),
        ("*".join("a" * 48) + "*b OR a", "a" * long),
        (" ".join("abcdefghij"), "abcdefghij" * (long // 10)),
        ("exact:a", "a\u0301" * (long // 2) + " a"),
        ("exact:" + "a" * 900, "a" * long + " " + "a" * 900),
        ("#a", "#a" * (long // 2) + " #a"),
    ]
    for query, text in cases:
        assert 0 < len(finder(parse(query))(text)) <= MOST
