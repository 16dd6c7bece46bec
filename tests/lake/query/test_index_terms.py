"""A query as keys of the text index; its terms are lower-cased as DuckDB does it."""

from itertools import combinations

from lake.query.index_terms import index_terms, lowercase
from lake.query.parser import parse
from lake.query.tree import And, Not, Or, Term
from lake.storage.duckdb_engine import Engine
from lake.textindex.key_query import AllKeys, AnyKey


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
