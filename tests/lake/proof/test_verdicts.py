"""What of a proof passes."""

import pytest

from lake.proof import verdicts
from lake.proof.journal import LAG, SAMPLE, Journal

NO_NAMES: dict = {"missing": [], "extra": [], "other_cids": []}


def sample(**changes):
    counts = {"missing": 0, "extra": 0, "cids": 9, "other_cids": 0, "wrong_hashes": 0}
    return {"sent": {"posts": 10_000}, "stored": {"posts": 10_000}, "named": NO_NAMES, **counts, **changes}


def passed(*entries):
    return [verdict.passed for verdict in verdicts.samples(entries)]


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([sample()], [True, True, True]),
        ([sample(), sample(missing=1)], [False, True, True]),
        ([sample(extra=1)], [True, True, True]),
        ([sample(extra=2)], [True, False, True]),
        ([sample(other_cids=1)], [True, True, False]),
        ([sample(wrong_hashes=1)], [True, True, False]),
        ([sample(), {"fault": "refused"}], [True, True, True]),
        ([{"fault": "refused"}], [False, False, False]),
        ([], [False, False, False]),
    ],
)
def test_samples(entries, expected):
    assert passed(*entries) == expected


def test_a_missing_record_and_a_fault_are_in_the_text():
    named = {**NO_NAMES, "missing": ["posts did:plc:a k"]}
    text = verdicts.samples([sample(missing=1, named=named), {"fault": "refused"}])[0].because
    assert "posts did:plc:a k" in text
    assert "1 samples failed: refused" in text


@pytest.mark.parametrize(
    ("lags", "expected"),
    [([1.0] * 200, True), ([1.0] * 97 + [11.0] * 3, False), ([None], False), ([], False), ([3.0], True)],
)
def test_lag(lags, expected):
    assert verdicts.lag("buffered", [{"buffered": lag} for lag in lags], 10.0).passed is expected


def test_percentiles_of_a_hundred_and_one_values():
    assert verdicts.percentiles(list(range(101))) == (50, 95, 99)


def test_a_gap_fails_and_says_why():
    gap = {"start": "10:00", "end": "10:01", "why": "connection closed"}
    found = verdicts.gaps({"gaps": [gap], "gaps_total": 1, "minutes": 9, "minutes_with_data": 8})
    assert not found.passed
    assert "connection closed" in found.because


def test_a_journal_goes_on_where_it_was(tmp_path):
    first = Journal(tmp_path, 100.0)
    first.add(LAG, at=110.0, buffered=1.0, searchable=None)
    with (tmp_path / "journal.ndjson").open("a") as file:
        file.write('{"kind": "lag", "at"')  # killed while it wrote
    again = Journal(tmp_path, 900.0)
    again.add(SAMPLE, at=901.0, fault="refused")
    last = Journal(tmp_path, 950.0)
    assert (last.resumed, last.started) == (True, 100.0)
    assert [entry["at"] for entry in [*last.of(LAG), *last.of(SAMPLE)]] == [110.0, 901.0]
    last.close()
    assert not Journal(tmp_path, 999.0).resumed
