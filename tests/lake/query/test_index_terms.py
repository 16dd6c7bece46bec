"""A query as keys of the text index; its terms are lower-cased as DuckDB does it."""

from itertools import combinations

from hypothesis import given

from lake.query.index_terms import index_terms, lowercase, text_test
from lake.query.parser import parse
from lake.query.tree import And, Not, Or, Term
from lake.storage.duckdb_engine import Engine
from lake.textindex.key_query import AllKeys, AnyKey
from tests.builders import ALICE
from tests.lake.textindex.posts import NODES, TEXTS, matches


def test_lowercase_is_what_duckdb_does_to_each_character():
    points = [*range(1, 0xD800), *range(0xE000, 0x110000)]
    values = "SELECT chr(p::INTEGER) FROM range(1, 1114112) AS t(p) WHERE p NOT BETWEEN 55296 AND 57343 ORDER BY p"
    engine = Engine("500MB", 1)
    ((lowered,),) = engine.rows(f"SELECT lower(string_agg(character, '')) FROM ({values}) AS t(character)")
    engine.close()
    assert lowered == lowercase("".join(map(chr, points)))


def test_nodes_with_the_same_fields_are_different_nodes():
    """What is cached of one query must not be taken for another."""
    nodes = (Term(("lake",)), Term(("fish",)))
    for one, other in combinations([And(nodes), Or(nodes), nodes, Not(And(nodes)), Not(Or(nodes))], 2):
        assert one != other


def test_alternatives_are_not_taken_for_terms_that_must_all_occur():
    assert isinstance(index_terms(parse("lake fish")), AllKeys)
    assert isinstance(index_terms(parse("lake OR fish")), AnyKey)


@given(NODES, TEXTS)
def test_a_text_that_matches_passes_the_test(node, text):
    test = text_test(node)
    if test is not None and matches(node, text, ALICE):
        assert test(lowercase(text or ""))


def test_a_text_that_can_not_match_fails_the_test():
    for query, told in (("lake fish", False), ("lake OR fish", True), ("lake -fish", True), ("fish lang:en", False)):
        test = text_test(parse(query))
        assert test is not None
        assert test("the lakes") is told
    assert text_test(parse("-fish")) is None
    assert text_test(parse("fish OR lang:en")) is None
