"""The text of a search."""

import pytest

from lake.query import MAX_CHARACTERS, MAX_TERMS, Query, QueryError, parse


def test_words_are_divided_by_any_blanks_and_all_else_is_plain():
    assert parse("  50%_off\t'or\" \u3000東京\n-x ").words == ("50%_off", "'or\"", "東京", "-x")


def test_a_query_is_written_out_as_it_was_understood():
    assert str(parse("  lake   fish ")) == "lake fish"


def test_values_never_enter_the_sql():
    condition, values = parse("'; DROP TABLE x; --").condition()
    assert "DROP" not in condition
    assert list(values.values()) == ["';", "DROP", "TABLE", "x;", "--"]


def test_no_words_match_everything():
    assert Query().condition() == ("true", {})


def test_too_many_characters_are_refused():
    parse("x" * MAX_CHARACTERS)
    with pytest.raises(QueryError, match="2001 characters"):
        parse("x" * (MAX_CHARACTERS + 1))


def test_too_many_words_are_refused():
    parse("x " * MAX_TERMS)
    with pytest.raises(QueryError, match="51 words"):
        parse("x " * (MAX_TERMS + 1))
