"""How long a fault is felt, of runs that never were."""

import pytest

from tests.load.made_run import BEGAN, PLAN, away, readings
from tests.load.report.readings import Request
from tests.load.report.recovery import below, recoveries, slowest, usual_again

KILLED = {kill.victim: int(kill.at) for kill in PLAN.kills}


def lags(*values):
    return [(2.0 * number, value) for number, value in enumerate(values, 1)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1] * 20, 0),
        ([], None),
        ([1, 1, 9, 9, 1, 1, 1, 1, 1, 1, 1, 1], 10),
        ([None, None, 1, 1, 1, 1, 1, 1, 1], 6),
        ([9, 1, 1, 9, 1, 1, 1, 1, 1, 1, 1], 10),  # two good samples are not yet the end
        ([9, 9, 1, 1], 6),  # and then nothing more is known
        ([9] * 20, None),
        ([1] * 15 + [9] + [1] * 10, 0),  # later than what the fault may cause
    ],
)
def test_as_usual_again(values, expected):
    assert usual_again(lags(*values), 0, 100, below(2), onset=20) == expected


def test_the_slowest_part_counts():
    assert slowest([0.0, 7.0, 3.0]) == 7
    assert slowest([0.0, None]) is None


def test_each_fault_has_its_recovery():
    at = KILLED["consumer"]
    slow = {at + 2 * number: away(2.0 * number) for number in range(1, 20)}
    found = {one.fault: one for one in recoveries(readings(slow))}
    assert list(found) == ["consumer", "flusher", "redis", "web", "spike"]
    assert (found["consumer"].down, found["consumer"].seconds) == (40, 40)
    assert found["spike"].seconds == 0
    assert 0 < found["flusher"].down <= PLAN.flush_seconds  # it has committed a batch again
    assert found["flusher"].seconds == found["flusher"].down


def test_the_last_batch_of_the_killed_flusher_is_no_sign_of_the_new_one():
    at = KILLED["flusher"]
    before = readings().samples[at // 2]["batches"]
    late = {second: {"batches": before + (second > at + 50) + 1} for second in range(at + 2, 600, 2)}
    assert {one.fault: one for one in recoveries(readings(late))}["flusher"].down == 52


def test_a_consumer_that_has_counted_no_frame_is_not_at_work():
    at = KILLED["consumer"]
    silent = {second: {"consumer": {"received": 0, "dropped": 0}} for second in range(at + 2, at + 20, 2)}
    assert recoveries(readings(silent))[0].down == 20


def test_what_has_not_ended_when_the_next_fault_comes_goes_on():
    at = KILLED["consumer"]
    slow = {at + 2 * number: away(2.0 * number) for number in range(1, 60)}
    consumer, flusher, *_ = recoveries(readings(slow))
    assert (consumer.seconds, flusher.seconds) == (120, 30)


def test_the_web_process_is_back_when_the_last_request_was_answered():
    at = KILLED["web"]
    refused = Request(BEGAN + at + 20, "page", 1_000, "status 0: refused")
    web = next(one for one in recoveries(readings({at + 2: {"web_ms": None}}, [refused])) if one.fault == "web")
    assert (web.down, web.seconds) == (pytest.approx(4, abs=0.1), 21)


def test_a_process_that_does_not_come_back_has_no_recovery():
    gone = {seconds: {"web_ms": None} for seconds in range(KILLED["web"] + 2, 600, 2)}
    web = next(one for one in recoveries(readings(gone)) if one.fault == "web")
    assert (web.down, web.seconds) == (None, None)
