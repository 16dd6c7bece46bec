"""What may be asked, and what is said of the rest."""

import json
import re
from datetime import UTC, datetime

import pytest
from django.test import RequestFactory
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework.exceptions import MethodNotAllowed, NotAuthenticated, Throttled

from api.access.concurrency import Overloaded
from api.answers.errors import _PROBLEMS, UNEXPECTED
from api.params.analysis import PostsParams, TimelineParams, TopParams
from api.params.export import MAX_SAMPLE, ExportParams
from api.params.fields import MAX_VALUES
from api.params.query import result_columns, to_search
from api.params.request_values import read_request
from api.params.search import MAX_SKIPPED, SearchParams
from api.params.strict import MAX_FAULTS, WindowParams
from api.params.tokens import Token, encode
from api.schema import shapes
from deploy.local.child import ROOT
from lake.flags.definitions import Flags
from lake.query.parser import MAX_CHARACTERS, MAX_TERMS, parse
from lake.query.spec import ResumePoint, SortKey
from lake.query.tree import And, Filter, Not
from lake.schema import DATASETS
from lake.search.aggregates import MOST_BUCKETS
from tests.builders import ALICE

API = (ROOT / "docs" / "api.md").read_text()


FLAGS = Flags()


def params(query, kind=SearchParams, **flags):
    request = RequestFactory().get("/search")
    if isinstance(query, str):
        request.META["QUERY_STRING"] = query.encode().decode("latin-1")
    else:
        body = query if isinstance(query, bytes) else json.dumps(query)
        request = RequestFactory().post("/search", body, content_type="application/json")
    return kind(data=read_request(request), context={"flags": FLAGS._replace(**flags)})


def valid(query, kind=SearchParams, **flags):
    found = params(query, kind, **flags)
    assert found.is_valid(), found.errors
    return found.validated_data


def search(query, kind=SearchParams):
    found = params(query, kind)
    assert found.is_valid(), found.errors
    return to_search(found.validated_data, FLAGS)


def text(query):
    return search(query).query


def faults(query, kind=SearchParams, **flags):
    found = params(query, kind, **flags)
    assert not found.is_valid()
    return {name: " ".join(map(str, texts)) for name, texts in found.errors.items()}


def at(*parts):
    return datetime(*parts, tzinfo=UTC)


def test_nothing_asked_is_the_newest_of_everything():
    found = search("")
    assert (found.query, found.start, found.end, found.newest, found.hide) == (And(()), None, None, True, True)
    assert (valid("")["page"], valid("")["limit"], valid("")["dataset"]) == (1, 50, "posts")


def test_text_is_decoded_from_percent_signs_plus_signs_and_bare_utf8():
    assert text("text=a%20b+c%2Bd") == And((parse("a b c+d"),))
    assert text("text=%E6%B9%96") == text("text=湖") == And((parse("湖"),))


@pytest.mark.parametrize("empty", ["text=&start=&end=&page=&limit=", "&&", "text="])
def test_an_empty_value_is_as_good_as_none(empty):
    assert search(empty) == search("")


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-07-01", at(2026, 7, 1)),
        ("2026-07-01T12:00:00Z", at(2026, 7, 1, 12)),
        ("2026-07-01T12:00", at(2026, 7, 1, 12)),
        ("2026-07-01t12:00:00.000001z", at(2026, 7, 1, 12, 0, 0, 1)),
        ("2026-07-01T12:00:00.1234567Z", at(2026, 7, 1, 12, 0, 0, 123456)),
        ("2026-07-01T12:00:00%2B02:00", at(2026, 7, 1, 10)),
        ("2026-07-01T12:00:00+02:00", at(2026, 7, 1, 10)),
        ("2026-07-01T12:00:00-0330", at(2026, 7, 1, 15, 30)),
        ("0001-01-01", at(1, 1, 1)),
    ],
)
def test_moments_are_utc_unless_they_say_otherwise(value, moment):
    assert search(f"start={value}").start == moment


def test_an_end_that_is_a_date_includes_that_day():
    assert search("end=2026-02-28").end == at(2026, 3, 1)
    assert search("end=2026-02-28T00:00:00Z").end == at(2026, 2, 28)
    assert search("end=9999-12-31").end == datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        *("yesterday", "2026", "2026-13-01", "2026-02-30", "2026-W27-3", "20260701", "2026-07-01T25:00", "1e9"),
        *(
            "10000-01-01",
            "0000-01-01",
            "%00",
            "2026-07-01%00",
            "２０２６-07-01",
            "0001-01-01T00:00%2B14:00",
            "x" * 5000,
        ),
        *("9999-12-31T23:59:59-14:00", "2026-07-01T12:00:00+99:00"),
    ],
)
@pytest.mark.parametrize("name", ["start", "end"])
def test_what_is_no_moment_is_a_fault(name, value):
    assert set(faults(f"{name}={value}")) == {name}


@pytest.mark.parametrize("value", ["0", "-1", "1001", "1.5", "1_0", "٣", "x", "%00", "9" * 5000, "1e3", "+5"])
@pytest.mark.parametrize("name", ["page", "limit"])
def test_what_is_no_number_in_range_is_a_fault(name, value):
    assert set(faults(f"{name}={value}")) == {name}


@pytest.mark.parametrize("text", ["%FF", "a%C3", "a%00b", "x" * (MAX_CHARACTERS + 1), "x+" * 51, "%ED%A0%80"])
def test_text_that_can_not_be_searched_is_a_fault(text):
    assert set(faults(f"text={text}")) == {"text"}


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


def test_only_formats_that_are_there_are_known():
    assert faults("format=xlsx", ExportParams) == {"format": "must be one of csv, ndjson, parquet."}
    assert set(faults("format=parquet&excel=true", ExportParams)) == {"excel"}


def test_repeated_values_are_any_of_these_and_a_minus_excludes():
    assert text("lang=pt&lang=es&lang=-en") == And((And((Filter("lang", ("pt", "es")), Not(Filter("lang", ("en",))))),))
    assert text(f"did={ALICE}&username=@alice.example") == And(
        (And((Filter("author", ("alice.example",)),)), And((Filter("author", (ALICE,)),)))
    )
    assert text("has=image&has=-video") == And((And((Filter("has", ("image",)), Not(Filter("has", ("video",))))),))


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
    assert valid("")["fields"] == result_columns("posts")
    assert valid("dataset=likes")["fields"] == result_columns("likes")


def test_filters_of_posts_are_faults_for_other_datasets():
    assert set(faults("dataset=likes&text=a&lang=en")) == {"text", "lang"}
    assert set(faults("dataset=deletes&clock=created")) == {"clock"}


def test_a_sample_is_one_page():
    assert valid("sample=1000&seed=42")["sample"] == 1000
    assert set(faults("sample=5&page=2")) == {"sample"}


def test_flags_bound_pages():
    assert valid("", page_size=7)["limit"] == 7
    assert "token" in faults("limit=11", result_limit_rows=10)["limit"]
    assert "token" in faults("limit=1001")["limit"]
    assert "token" in faults("limit=10&page=2", result_limit_rows=10)["page"]
    assert valid("", result_limit_rows=10)["limit"] == 10
    assert valid("limit=1000&page=50", result_limit=False)["page"] == 50
    assert set(faults("limit=1001", result_limit=False, result_limit_rows=5000)) == {"limit"}
    assert set(faults("limit=1000&page=101", result_limit=False)) == {"page"}


# --- POST -------------------------------------------------------------------------------------------------------


def test_a_post_takes_the_same_names_as_json():
    dids = [f"did:plc:{n:024}" for n in range(10_000)]
    body = {"text": "lake", "did": dids, "limit": 5, "exact": True, "start": None, "lang": "-en"}
    found = params(body)
    assert found.is_valid(), found.errors
    assert found.validated_data["did"] == And((Filter("author", tuple(dids)),))
    assert found.validated_data["text"] == parse("lake", exact=True)
    assert found.validated_data["limit"] == 5
    assert set(faults({"did": [*dids, dids[0]]})) == {"did"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        *(
            (text, "body")
            for text in ("[]", "1", "{", '{"a": NaN}', '{"text": "a", "text": "b"}', "[" * 100_000, "\xff")
        ),
        *((f'{{"text": {value}}}', "text") for value in ('["a", "b"]', '{"a": 1}', "[[1]]", '"\\ud800"', '"\\u0000"')),
        ('{"foo": 1}', "foo"),
        ('{"limit": 1.5}', "limit"),
        ('{"limit": true}', "limit"),
    ],
)
def test_a_body_that_means_nothing_is_a_fault(body, field):
    assert set(faults(body if isinstance(body, bytes) else body.encode())) == {field}


def test_a_post_has_its_parameters_in_its_body_only():
    request = RequestFactory().post("/search?text=a", "{}", content_type="application/json")
    assert set(read_request(request).faults) == {"text"}


# --- tokens -----------------------------------------------------------------------------------------------------

TOKEN = Token(ResumePoint(5, SortKey(5, ALICE, "k", "r")), 7, 2, 100, "gte")


def test_a_token_comes_back_and_is_bound_to_its_query():
    query = params("text=a&lang=en&lang=pt&limit=5")
    assert query.is_valid()
    token = encode(TOKEN, query.validated_data["fingerprint"])
    assert valid(f"lang=pt&lang=en&text=a&limit=9&total=true&token={token}")["token"] == TOKEN
    assert "another query" in faults(f"text=b&lang=en&lang=pt&token={token}")["token"]
    assert "another query" in faults(f"text=a&lang=en&token={token}")["token"]
    assert set(faults(f"text=a&lang=en&lang=pt&page=2&token={token}")) == {"page"}
    assert set(faults(f"text=a&lang=en&lang=pt&sample=2&token={token}")) == {"sample", "token"}


@settings(max_examples=50)
@given(st.data())
def test_a_token_that_was_changed_is_refused(data):
    query = params("text=a")
    assert query.is_valid()
    token = encode(TOKEN, query.validated_data["fingerprint"])
    place = data.draw(st.integers(1, len(token) - 1))
    sign = data.draw(st.sampled_from("abcXYZ019-_:"))
    changed = token[:place] + sign + token[place + 1 :]
    if changed != token:
        assert set(faults(f"text=a&token={changed}")) == {"token"}
    assert set(faults(f"text=a&token={token[:place]}")) == {"token"}


def test_all_faults_are_told_at_once():
    query = "text=%FF&start=b&end=c&page=-1&limit=x&foo=1&bar=2&bar=3"
    assert set(faults(query)) == {"text", "start", "end", "page", "limit", "foo", "bar"}
    assert set(faults("start=2026-07-02&end=2026-07-01&page=30&limit=100&foo=1")) == {"end", "page", "foo"}


def test_an_end_that_is_not_after_the_start_is_a_fault():
    assert faults("start=2026-07-02&end=2026-07-01") == {
        "end": "is not after start: give a later one. An end that is a date includes that day."
    }
    assert search("start=2026-07-01&end=2026-07-01").end == at(2026, 7, 2)


def test_pages_end_at_a_thousand_rows():
    assert valid("page=20&limit=50")["page"] == 20
    assert "1000" in faults("page=21&limit=50")["page"]


# --- what a JSON value may be -----------------------------------------------------------------------------------


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


def test_values_are_what_their_filters_take():
    assert text("tag=%23lake&lang=pt-BR") == text("tag=lake&lang= pt-BR ")
    assert "a domain like example.com" in faults("domain=https://example.com/page")["domain"]
    assert "a language code" in faults("lang=en_US")["lang"]


def test_a_seed_needs_its_sample():
    assert set(faults("seed=42")) == {"seed"}


# --- docs/api.md says the same ----------------------------------------------------------------------------------


def documented(section, head):
    """The first column of the table with this head, in this section."""
    text = API.split(f"\n## {section}\n")[1].split("\n## ")[0]
    table = text.split(f"| {head} | meaning |")[1].split("\n\n")[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


BESIDES = {"page", "limit", "token", "total", "sample", "seed", "sort", "fields"}  # of the search, and of it only


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ("Search", SearchParams),
        ("Export", ExportParams),
        ("Posts", PostsParams),
        ("Stats", WindowParams),
        ("Coverage", WindowParams),
    ],
)
def test_the_documented_parameters_are_those_that_are_read(section, kind):
    assert sorted(documented(section, "parameter")) == sorted(kind().fields)


@pytest.mark.parametrize(("section", "kind"), [("Timeline", TimelineParams), ("Top", TopParams)])
def test_the_documented_parameters_beside_those_of_a_search_are_those_that_are_read(section, kind):
    common = set(SearchParams().fields) - BESIDES
    assert set(documented(section, "parameter")) | common == set(kind().fields)


def test_the_documented_columns_are_those_of_the_answers():
    assert documented("Search", "column") == result_columns("posts")
    table = API.split("| dataset | columns |")[1].split("\n\n")[0]
    for line in table.splitlines()[2:]:
        dataset, *names = re.findall("`(\\w+)`", line)
        assert [*result_columns("likes")[:5], *names] == result_columns(dataset)
    assert len(table.splitlines()) - 2 == len(DATASETS) - 1


@pytest.mark.parametrize(
    ("section", "shape"),
    [
        ("Search", shapes.PAGE["properties"]["meta"]),
        ("Posts", shapes.POSTS["properties"]["meta"]),
        ("Coverage", shapes.COVERAGE),
        ("Manifest", {"properties": shapes.MANIFEST["properties"] | shapes.MADE["properties"]}),
    ],
)
def test_the_documented_fields_are_those_of_the_answers(section, shape):
    assert set(documented(section, "field")) == set(shape["properties"]) - {"meta"}


def test_the_documented_errors_are_those_that_are_answered():
    """Each code is looked for in the sources; that there is no other, must_be_error of test_views sees."""
    table = API.split("| status | code | what to do |")[1].split("\n\n")[0]
    codes = re.findall(r"^\| [0-9]{3} \| `(\w+)` \|", table, re.MULTILINE)
    assert len(codes) == len(set(codes))
    known = {found.code for _, found in _PROBLEMS} | {UNEXPECTED.code, "invalid_parameter"}
    known |= {error.default_code for error in (NotAuthenticated, MethodNotAllowed, Throttled, Overloaded)}
    known |= {"unknown_key", "expired_key", "revoked_key", "export_disabled", "unknown_handle"}
    assert set(codes) == known


def test_the_documented_flags_are_all_of_them():
    table = API.split("| flag | when it is changed |")[1].split("\n\n")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == Flags._fields


def test_the_documented_limits_are_those_that_hold():
    assert f"{MAX_CHARACTERS:,} characters and {MAX_TERMS} terms" in API
    assert f"lists of up to {MAX_VALUES:,} strings" in API
    assert f"hits, up to {MAX_SKIPPED:,}" in API
    assert f"The export takes up to {MAX_SAMPLE:,}" in API
    assert f"At most {MOST_BUCKETS:,} of them" in API
    assert f"has {FLAGS.anonymous_rate} requests a minute" in API
    assert "has at most 8190 bytes of address" in API
    assert "limit_request_line = 8190" in (ROOT / "deploy" / "gunicorn.conf.py").read_text()
