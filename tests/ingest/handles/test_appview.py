"""The AppView's client against a real server: what it learns, and that no answer can hurt it."""

import json
import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.handles.appview import AppView, HandleServiceDown, Refused
from ingest.handles.appview_replies import MAX_ANSWER, Reply, judge, read_did, read_profiles, retry_delay
from ingest.identifiers import normalize_handle
from tests.builders import ALICE, BOB
from tests.ingest.handles import appview_server as faults

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def server():
    with faults.appview_server() as server:
        server.handles = {ALICE: "alice.example", BOB: "Bob.Example"}
        yield server


@pytest.fixture
def appview(server):
    return AppView(server.url, seconds=0.3, per_second=1000)


def test_it_learns_the_handles_of_those_who_have_one(server, appview):
    assert appview.handles([ALICE, BOB, "did:plc:nobody"]) == {ALICE: "alice.example", BOB: "bob.example"}
    assert server.asked == [[ALICE, BOB, "did:plc:nobody"]]
    assert server.agents == {"bluesky-post-explorer"}
    assert appview.take_calls() == {"answered": 1}
    assert appview.take_calls() == {}


def test_it_learns_whose_a_handle_is(appview):
    assert appview.did("alice.example") == ALICE
    assert appview.did("nobody.example") is None
    assert appview.take_calls() == {"answered": 1, "refused": 1}


def test_an_account_that_it_does_not_understand_refuses_the_call(server, appview):
    server.refused = {BOB}
    with pytest.raises(Refused):
        appview.handles([ALICE, BOB])
    assert appview.handles([ALICE]) == {ALICE: "alice.example"}, "no failure: nobody has to wait"


FAULTS = [
    (faults.status(429), "limited", "limits our calls"),
    (faults.status(500), "failed", "status 500"),
    (faults.status(404), "failed", "status 404"),
    (faults.status(302, Location="http://127.0.0.1:1/elsewhere"), "failed", "set APPVIEW_URL to where it is"),
    (faults.text(b"<html>"), "unreadable", "not the expected JSON"),
    (faults.text(b'{"profiles": 1}'), "unreadable", "not the expected JSON"),
    (faults.text(b'{"profiles": [{"did": "\xff"}]}'), "unreadable", "not the expected JSON"),
    (faults.text(b'{"profiles": ' + b"[" * 100_000), "unreadable", "not the expected JSON"),
    (faults.text(b" " * (MAX_ANSWER + 1)), "unreadable", "more than"),
    (faults.closed, "unreachable", "can't be reached"),
    (faults.cut, "unreachable", "in the middle"),
    (faults.silent, "slow", "did not answer in time"),
    (faults.dripping, "slow", "did not answer in time"),
]


@pytest.mark.parametrize(("fault", "outcome", "sentence"), FAULTS)
def test_no_answer_is_one_sentence_in_time_and_a_pause(server, appview, fault, outcome, sentence):
    server.faults = [fault]
    began = time.monotonic()
    with pytest.raises(HandleServiceDown, match=sentence):
        appview.handles([ALICE])
    assert time.monotonic() - began < 0.9
    assert appview.take_calls() == {outcome: 1}
    assert 0 < appview.wait_seconds <= 1
    with pytest.raises(HandleServiceDown, match="next attempt is in 1 s"):
        appview.handles([ALICE])
    assert len(server.asked) == 1, "it must not be asked while it is to be left alone"


def test_nobody_there_is_said_so():
    with pytest.raises(HandleServiceDown, match="can't be reached"):
        AppView("http://127.0.0.1:1").handles([ALICE])


def test_the_pause_doubles_and_ends_with_an_answer(server, appview, monkeypatch):
    server.faults = [faults.status(503)] * 3
    pauses = []
    for _ in range(3):
        with pytest.raises(HandleServiceDown):
            appview.handles([ALICE])
        pauses.append(round(appview.wait_seconds))
        appview._closed_until = 0.0
    assert pauses == [1, 2, 4]
    assert appview.handles([ALICE])
    server.faults = [faults.status(503)]
    with pytest.raises(HandleServiceDown):
        appview.handles([ALICE])
    assert round(appview.wait_seconds) == 1


def test_a_retry_after_is_respected(server, appview):
    server.faults = [faults.status(429, Retry_After="120")]
    with pytest.raises(HandleServiceDown):
        appview.did("alice.example")
    assert 119 < appview.wait_seconds <= 120


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("999999999999", 3600),
        ("Wed, 01 Jul 2026 12:01:00 GMT", 60),
        ("Wed, 01 Jul 2026 11:00:00 GMT", 0),
        ("Wed, 01 Jul 2026 12:01:00 -0000", None),
        ("", None),
        ("soon", None),
        ("-3", None),
    ],
)
def test_what_a_retry_after_asks_for(header, seconds):
    assert retry_delay(header, NOW) == seconds


@given(st.text(st.characters(max_codepoint=255)))
def test_any_retry_after_is_a_bounded_delay_or_none(header):
    delay = retry_delay(header, NOW)
    assert delay is None or 0 <= delay <= 3600


def test_calls_keep_their_distance(server):
    appview = AppView(server.url, per_second=20)
    began = time.monotonic()
    for _ in range(5):
        appview.handles([ALICE])
    assert time.monotonic() - began >= 0.2


def test_who_would_wait_for_too_long_is_told_at_once(server):
    appview = AppView(server.url, seconds=0.3, per_second=1)
    appview.handles([ALICE])
    with pytest.raises(HandleServiceDown, match="Too many"):
        appview.handles([ALICE])


# --- what a reply means -------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["did", "handle"]), inner),
    max_leaves=4,
)


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_answer_is_read_or_refused(body):
    for read in (lambda: read_profiles(body, [ALICE]), lambda: read_did(body)):
        with suppress(ValueError, RecursionError):
            read()


@given(st.lists(json_values | st.fixed_dictionaries({"did": st.sampled_from([ALICE, BOB, "x"]), "handle": st.text()})))
def test_only_valid_handles_of_those_asked_for_are_taken(profiles):
    for did, handle in read_profiles(json.dumps({"profiles": profiles}).encode(), [ALICE]).items():
        assert did == ALICE
        assert normalize_handle(handle) == handle


def test_one_broken_profile_does_not_cost_the_others():
    profiles = [{"did": 1}, {"did": ALICE, "handle": "alice.example"}, {"did": BOB, "handle": "handle.invalid"}]
    assert read_profiles(json.dumps({"profiles": profiles}).encode(), [ALICE, BOB]) == {ALICE: "alice.example"}


def test_a_did_that_is_none_is_no_answer():
    with pytest.raises(ValueError):
        read_did(b'{"did": "alice"}')


@given(st.integers(100, 599))
def test_every_status_has_an_outcome(status):
    assert (judge(Reply(status, b""))[0] == "answered") == (status == 200)
