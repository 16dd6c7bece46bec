"""Where a consumer resumes, on which host, and when."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.buffer.entries import Cursor
from ingest.stream.subscribe_request import SubscribeRequest, backoff, rotation, subscribe_request
from tests.builders import NOON_US

ONE, TWO = "wss://one.example.com/subscribe", "wss://two.example.com/subscribe"


def test_without_a_cursor_we_ask_for_the_present():
    assert subscribe_request(ONE, None) == SubscribeRequest(ONE, None, None)


@pytest.mark.parametrize(
    ("cursor", "back_us"),
    [
        (Cursor(NOON_US, "one.example.com"), 5_000_000),
        (Cursor(NOON_US, ""), 5_000_000),
        (Cursor(NOON_US, "two.example.com"), 60_000_000),
        (Cursor(NOON_US, "two.example.com", 712), 60_000_000),
    ],
)
def test_a_time_is_rewound_more_on_another_host(cursor, back_us):
    position = NOON_US - back_us
    assert subscribe_request(ONE, cursor) == SubscribeRequest(f"{ONE}?cursor={position}", position, position)


def test_a_seq_is_rewound_and_used_on_its_own_host_only():
    assert subscribe_request(ONE, Cursor(NOON_US, "one.example.com", 10_000)).cursor == 10_000 - 8_192
    assert subscribe_request(ONE, Cursor(NOON_US, "one.example.com", 10)).cursor == 1
    assert subscribe_request(TWO, Cursor(NOON_US, "one.example.com", 10_000)).cursor == NOON_US - 60_000_000


def test_collections_are_asked_for():
    assert (
        subscribe_request(ONE, None, ["a.b.c", "d.e.*"]).url
        == f"{ONE}?wantedCollections=a.b.c&wantedCollections=d.e.%2A"
    )


@given(st.integers(1, 20))
def test_the_backoff_doubles_to_30_s_and_no_wait_is_under_half_of_it(count):
    for number, delay in enumerate(islice(backoff(), count)):
        whole = min(30.0, 0.1 * 2**number)
        assert whole / 2 <= delay <= whole


def test_the_backoff_of_two_clients_differs():
    assert list(islice(backoff(), 8)) != list(islice(backoff(), 8))


def test_hosts_take_turns_from_the_cursor_s_host_on():
    assert list(rotation([ONE, TWO], "two.example.com")) == [TWO, ONE]
    assert list(rotation([ONE, TWO], "elsewhere")) == [ONE, TWO]
