"""Parameters by name: none is ignored, and all faults come at once."""

import pytest

from api.params.analysis import PostsParams
from api.params.export import ExportParams
from api.params.search import SearchParams
from api.params.strict import MAX_FAULTS, WindowParams
from lake.query.tree import And
from tests.api.params.asking import at, faults, params, search, valid
from tests.builders import ALICE


@pytest.mark.parametrize("empty", ["text=&start=&end=&page=&limit=", "&&", "text="])
def test_an_empty_value_is_as_good_as_none(empty):
    assert search(empty) == search("")


def test_an_unknown_parameter_is_a_fault_that_names_it_and_the_known_ones():
    told = faults("txet=a")["txet"]
    assert told == f"unknown parameter; these are known: {', '.join(SearchParams().fields)}."
    assert set(faults("page=1", ExportParams)) == {"page"}
    assert set(faults("format=csv")) == {"format"}
    assert set(faults("%FF=1&text")) == {"\ufffd"}
    assert set(faults("q=&=&text=a")) == {"q", ""}
    assert len(faults("&".join(f"p{n}=1" for n in range(10_000)))) == MAX_FAULTS


def test_what_takes_one_value_is_not_repeated():
    assert faults("text=a&text=b") == {"text": "is given more than once: it takes one value."}
    assert set(faults("limit=5&limit=6")) == {"limit"}
    assert valid("limit=5&limit=")["limit"] == 5


@pytest.mark.parametrize(
    ("synonym", "query"),
    [
        ("from=alice.example", "username=alice.example"),
        ("mentions=alice.example&mentions=-bob.example", "mention=alice.example&mention=-bob.example"),
        ("hashtag=a&hashtags=b&tags=c", "tag=c&tag=a&tag=b"),
        ("langs=pt&language=en", "lang=pt&lang=en"),
        ("domains=a.example&urls=b.example", "domain=a.example&url=b.example"),
        ("since=2026-07-01&until=2026-07-02", "start=2026-07-01&end=2026-07-02"),
        ("since=&start=2026-07-01", "start=2026-07-01"),
        ({"langs": ["pt"], "lang": "en"}, {"lang": ["en", "pt"]}),
    ],
)
def test_a_synonym_is_the_parameter(synonym, query):
    assert valid(synonym) == valid(query)
    assert params(synonym, ExportParams).is_valid()


def test_a_synonym_is_repeated_as_the_parameter_is():
    assert faults("start=2026-07-01&since=2026-07-02") == {
        "start": "is given more than once, as start and since: it takes one value."
    }
    assert set(faults({"langs": 5, "lang": ["en"]})) == {"lang"}


def test_a_fault_has_the_name_that_was_given():
    assert set(faults("since=x&mentions=x&until=%FF&langs=%FF")) == {"since", "mentions", "until", "langs"}
    assert set(faults("since=2026-07-02&until=2026-07-01")) == {"until"}
    assert set(faults("mentions=a.example", PostsParams)) == {"mentions", "uris"}
    assert valid("since=2026-07-01", WindowParams)["start"] == at(2026, 7, 1)


def test_all_faults_are_told_at_once():
    query = "text=%FF&start=b&end=c&page=-1&limit=x&foo=1&bar=2&bar=3"
    assert set(faults(query)) == {"text", "start", "end", "page", "limit", "foo", "bar"}
    assert set(faults("start=2026-07-02&end=2026-07-01&page=30&limit=100&foo=1")) == {"end", "page", "foo"}


def test_an_end_that_is_not_after_the_start_is_a_fault():
    assert faults("start=2026-07-02&end=2026-07-01") == {
        "end": "is not after start: give a later one. An end that is a date includes that day."
    }
    assert search("start=2026-07-01&end=2026-07-01").end == at(2026, 7, 2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("text", value) for value in (5, True, ["a"], [])),
        *(("limit", value) for value in ("5", True, [5], 5.5)),
        *(("exact", value) for value in ("true", 1, [True])),
        *(("did", value) for value in (5, False, [5], [None], [[ALICE]], {"a": ALICE})),
        *(("start", value) for value in (20260701, ["2026-07-01"])),
    ],
)
def test_json_of_another_kind_is_a_fault(name, value):
    assert set(faults({name: value})) == {name}


def test_json_numbers_and_names_that_programs_write():
    assert valid({"limit": 5.0})["limit"] == 5
    assert valid({"sample": 5, "seed": 42})["seed"] == valid("sample=5&seed=42")["seed"] == "42"
    assert valid({"total": False})["total"] is False
    assert valid({"did": ALICE, "lang": []})["lang"] == And(())
    assert set(faults(b'{"\\ud800": 1}')) == {"\ufffd"}
    assert len(next(iter(faults({"x" * 100_000: 1})))) == 100
