"""Parameters that choose rows, and the Search that they are."""

import pytest

from api.params.query import result_columns
from lake.query.parser import MAX_CHARACTERS, parse
from lake.query.tree import And
from tests.api.params.asking import faults, search, text, valid


def test_nothing_asked_is_the_newest_of_everything():
    found = search("")
    assert (found.query, found.start, found.end, found.newest, found.hide) == (And(()), None, None, True, True)
    assert (valid("")["page"], valid("")["limit"], valid("")["dataset"]) == (1, 50, "posts")


def test_text_is_decoded_from_percent_signs_plus_signs_and_bare_utf8():
    assert text("text=a%20b+c%2Bd") == And((parse("a b c+d"),))
    assert text("text=%E6%B9%96") == text("text=湖") == And((parse("湖"),))


@pytest.mark.parametrize("text", ["%FF", "a%C3", "a%00b", "x" * (MAX_CHARACTERS + 1), "x+" * 51, "%ED%A0%80"])
def test_text_that_can_not_be_searched_is_a_fault(text):
    assert set(faults(f"text={text}")) == {"text"}


@pytest.mark.parametrize(
    "query",
    [
        *("did=alice", "did=did:plc:", "username=a%20b", "username=-", "has=sound", "is=quoted", "dataset=post"),
        *("subject=x", "sort=best", "clock=utc", "exact=yes", "total=all", "sample=0", "sample=1001", "lang=%00"),
        *("fields=txt", "fields=text,display_name", "mention=x"),
    ],
)
def test_values_that_mean_nothing_are_faults(query):
    assert set(faults(query)) == {query.split("=")[0]}


def test_columns_wanted_come_in_their_order():
    assert valid("fields=text,id&fields=did")["fields"] == ["id", "did", "text"]
    assert valid("")["fields"] == [*result_columns("posts"), "matches", "matched"]
    assert valid("dataset=likes")["fields"] == result_columns("likes")


def test_filters_of_posts_are_faults_for_other_datasets():
    assert set(faults("dataset=likes&text=a&lang=en")) == {"text", "lang"}
    assert set(faults("dataset=deletes&clock=created")) == {"clock"}


def test_a_seed_needs_its_sample():
    assert set(faults("seed=42")) == {"seed"}
