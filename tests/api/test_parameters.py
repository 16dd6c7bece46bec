"""What may be asked, and what is said of the rest."""

import re
from datetime import UTC, datetime

import pytest
from django.test import RequestFactory

from api.answers import COLUMNS
from api.asked import asked
from api.serializers import ExportParams, SearchParams
from deploy.local.child import ROOT
from lake.query import MAX_CHARACTERS

API = (ROOT / "docs" / "api.md").read_text()


def params(query, kind=SearchParams):
    request = RequestFactory().get("/search")
    request.META["QUERY_STRING"] = query.encode().decode("latin-1")
    return kind(data=asked(request))


def search(query, kind=SearchParams):
    found = params(query, kind)
    assert found.is_valid(), found.errors
    return found.to_search()


def faults(query, kind=SearchParams):
    found = params(query, kind)
    assert not found.is_valid()
    return {name: " ".join(map(str, texts)) for name, texts in found.errors.items()}


def at(*parts):
    return datetime(*parts, tzinfo=UTC)


def test_nothing_asked_is_the_newest_of_everything():
    found = search("")
    assert (str(found.query), found.start, found.end, found.offset, found.limit) == ("", None, None, 0, 50)


def test_text_is_decoded_from_percent_signs_plus_signs_and_bare_utf8():
    assert search("text=a%20b+c%2Bd").query.words == ("a", "b", "c+d")
    assert search("text=%E6%B9%96").query.words == search("text=湖").query.words == ("湖",)


@pytest.mark.parametrize("empty", ["text=&start=&end=&page=&limit=", "&&", "text="])
def test_an_empty_value_is_as_good_as_none(empty):
    assert search(empty) == search("")


def test_a_page_begins_after_those_before_it():
    found = search("page=3&limit=20")
    assert (found.offset, found.limit) == (40, 20)


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
    assert faults("txet=a") == {"txet": "unknown parameter; these are known: text, start, end, page, limit."}
    assert set(faults("page=1", ExportParams)) == {"page"}
    assert set(faults("format=csv")) == {"format"}
    assert set(faults("%FF=1&text")) == {"\ufffd"}
    assert set(faults("q")) == {"q"}
    assert set(faults("q=&=&text=a")) == {"q", ""}


def test_a_repeated_parameter_is_a_fault():
    assert faults("text=a&text=b") == {"text": "is given more than once."}
    assert set(faults("limit=5&limit=")) == {"limit"}


def test_only_formats_that_are_there_are_known():
    assert faults("format=xlsx", ExportParams) == {"format": "is not csv."}


def test_all_faults_are_told_at_once():
    query = "text=%FF&start=b&end=c&page=-1&limit=x&foo=1&bar=2&bar=3"
    assert set(faults(query)) == {"text", "start", "end", "page", "limit", "foo", "bar"}
    assert set(faults("start=2026-07-02&end=2026-07-01&page=30&limit=100&foo=1")) == {"end", "page", "foo"}


def test_an_end_that_is_not_after_the_start_is_a_fault():
    assert faults("start=2026-07-02&end=2026-07-01") == {"end": "is not after start."}
    assert search("start=2026-07-01&end=2026-07-01").end == at(2026, 7, 2)


def test_pages_end_at_a_thousand_rows():
    assert search("page=20&limit=50").offset == 950
    assert "1000" in faults("page=21&limit=50")["page"]


# --- docs/api.md says the same ----------------------------------------------------------------------------------


def documented(section, head):
    """The first column of the table with this head, in this section."""
    text = API.split(f"\n## {section}\n")[1].split("\n## ")[0]
    table = text.split(f"| {head} | meaning |")[1].split("\n\n")[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


def test_the_documented_parameters_are_those_that_are_read():
    assert documented("GET /search", "parameter") == list(SearchParams().fields)
    assert documented("GET /export", "parameter") == list(ExportParams().fields)


def test_the_documented_columns_are_those_of_the_answers():
    assert tuple(documented("GET /search", "column")) == COLUMNS
