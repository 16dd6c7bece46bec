"""What of a proof passes."""

import pytest
from django.core.management import CommandError, call_command

from lake.proof import verdicts
from lake.proof.journal import LAG, SAMPLE, Journal

NO_NAMES: dict = {"missing": [], "extra": [], "other_cids": []}


def sample(**changes):
    counts = {"missing": 0, "extra": 0, "cids": 9, "other_cids": 0, "wrong_hashes": 0}
    return {"sent": {"posts": 10_000}, "stored": {"posts": 10_000}, "named": NO_NAMES, **counts, **changes}


def passed(*entries):
    return [verdict.passed for verdict in verdicts.samples(entries, due=2)]


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([sample()], [True, True, True, True]),
        ([sample(), sample(missing=1)], [True, False, True, True]),
        ([sample(extra=1)], [True, True, True, True]),
        ([sample(extra=2)], [True, True, False, True]),
        ([sample(other_cids=1)], [True, True, True, False]),
        ([sample(wrong_hashes=1)], [True, True, True, False]),
        ([sample(), {"fault": "refused"}], [True, True, True, True]),
        ([{"fault": "refused"}], [False, False, False, False]),
        ([], [False, False, False, False]),
    ],
)
def test_samples(entries, expected):
    assert passed(*entries) == expected


def test_a_missing_record_and_a_fault_are_in_the_text():
    named = {**NO_NAMES, "missing": ["posts did:plc:a k"]}
    enough, missing, *_ = verdicts.samples([sample(missing=1, named=named), {"fault": "refused"}], due=2)
    assert "posts did:plc:a k" in missing.because
    assert "1 samples failed: refused" in enough.because


def test_one_good_sample_of_many_is_not_enough():
    assert not verdicts.samples([sample()] * 47, due=96)[0].passed
    assert verdicts.samples([sample()] * 48, due=96)[0].passed


def test_a_sample_of_which_the_lake_has_nothing_makes_one_look_at_the_clocks():
    assert "raise --margin" in verdicts.samples([sample(missing=10_000)], due=1)[1].because
    assert "raise --margin" not in verdicts.samples([sample(missing=9_999)], due=1)[1].because


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        (range(0, 3600, 10), True),
        (range(0, 3590, 10), True),  # the last ones wait for the last sample
        ([*range(0, 1800, 10), *range(1950, 3600, 10)], True),  # the machine restarted
        ([*range(0, 1800, 10), *range(2100, 3600, 10)], False),
        ([0, 3600], False),  # begun, and ended by a later start
        ([], False),
    ],
)
def test_who_did_not_look_has_not_watched(looks, expected):
    assert verdicts.watched(list(looks), 0, 3600, 1).passed is expected
    assert not verdicts.watched(list(looks), 0, 3600, 2).passed


@pytest.mark.parametrize(
    ("lags", "expected"),
    [
        ([1.0] * 200, True),
        ([1.0] * 97 + [11.0] * 3, False),
        ([1.0] * 99 + [None], True),
        ([1.0] * 98 + [None] * 2, False),  # Redis was away, or the service
        ([None], False),
        ([], False),
        ([3.0], True),
    ],
)
def test_lag(lags, expected):
    assert verdicts.lag("buffered", [{"buffered": lag} for lag in lags], 10.0).passed is expected


def test_percentiles_of_a_hundred_and_one_values():
    assert verdicts.percentiles(list(range(101))) == (50, 95, 99)


def test_a_gap_fails_and_says_why():
    gap = {"start": "10:00", "end": "10:01", "why": "connection closed"}
    found = verdicts.gaps({"gaps": [gap], "gaps_total": 1, "minutes": 9, "minutes_with_data": 8}, 540)
    assert not found.passed
    assert "connection closed" in found.because


@pytest.mark.parametrize(("minutes", "expected"), [(60, True), (55, True), (54, False), (0, False)])
def test_a_service_that_stands_still_before_the_end_has_a_gap(minutes, expected):
    """The coverage counts no minute after the newest event."""
    coverage = {"gaps": [], "gaps_total": 0, "minutes": minutes, "minutes_with_data": minutes}
    assert verdicts.gaps(coverage, 3_359).passed is expected


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


def test_a_folder_that_cannot_be_written_is_named_with_what_to_do(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match=r"file/proof can't be written: Not a directory\. Make room or give another"):
        call_command("prove_live", folder=tmp_path / "file" / "proof")
