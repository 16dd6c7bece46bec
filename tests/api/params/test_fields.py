"""Kinds of parameters: what each takes, and what is said of the rest."""

from datetime import UTC, datetime

import pytest

from lake.query.tree import And, Filter, Not
from tests.api.params.asking import at, faults, search, text, valid
from tests.builders import ALICE


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


@pytest.mark.parametrize("name", ["exact", "total"])
def test_truth_is_written_as_in_any_language(name):
    assert [valid(f"{name}={value}")[name] for value in ("true", "True", "TRUE")] == [True] * 3
    assert [valid(f"{name}={value}")[name] for value in ("false", "False", "FALSE")] == [False] * 3
    for value in ("yes", "1", "truE ", "T"):
        assert faults(f"{name}={value}") == {name: "must be true or false."}


@pytest.mark.parametrize("value", ["0", "-1", "1001", "1.5", "1_0", "٣", "x", "%00", "9" * 5000, "1e3", "+5"])
@pytest.mark.parametrize("name", ["page", "limit"])
def test_what_is_no_number_in_range_is_a_fault(name, value):
    assert set(faults(f"{name}={value}")) == {name}


def test_repeated_values_are_any_of_these_and_a_minus_excludes():
    assert text("lang=pt&lang=es&lang=-en") == And((And((Filter("lang", ("pt", "es")), Not(Filter("lang", ("en",))))),))
    assert text(f"did={ALICE}&username=@alice.example") == And(
        (And((Filter("author", ("alice.example",)),)), And((Filter("author", (ALICE,)),)))
    )
    assert text("has=image&has=-video") == And((And((Filter("has", ("image",)), Not(Filter("has", ("video",))))),))


def test_values_are_what_their_filters_take():
    assert text("tag=%23lake&lang=pt-BR") == text("tag=lake&lang= pt-BR ")
    assert "a domain like example.com" in faults("domain=https://example.com/page")["domain"]
    assert "a language code" in faults("lang=en_US")["lang"]
