"""Instants go from one form to another and back without a loss."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from process.instants import iso, iso_us, microseconds, now_us, utc

FIRST_US, LAST_US = (microseconds(end.replace(tzinfo=UTC)) for end in (datetime.min, datetime.max))  # noqa: DTZ901
calendar_us = st.integers(FIRST_US, LAST_US)
# Offsets stay clear of both ends of the calendar: beyond them a zone has no UTC.
zoned = st.datetimes(
    datetime(2, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(9998, 1, 1),  # noqa: DTZ001
    timezones=st.builds(lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-1439, 1439)),
)


@given(calendar_us)
@example(FIRST_US)
@example(LAST_US)
@example(-1)
def test_microseconds_become_a_datetime_and_text_and_come_back(us):
    assert microseconds(utc(us)) == us
    assert utc(us).tzinfo is UTC
    assert microseconds(datetime.fromisoformat(iso_us(us))) == us
    assert microseconds(datetime.fromisoformat(iso(utc(us)))) == us


@given(zoned)
def test_any_zone_is_the_same_instant(moment):
    assert utc(microseconds(moment)) == moment
    assert datetime.fromisoformat(iso(moment)) == moment
    assert iso(moment, "microseconds") == iso_us(microseconds(moment))


@given(st.datetimes())
def test_without_a_zone_it_is_utc(naive):
    assert microseconds(naive) == microseconds(naive.replace(tzinfo=UTC))
    assert iso(naive) == iso(naive.replace(tzinfo=UTC))


@given(calendar_us, calendar_us)
def test_the_order_of_instants_is_the_order_of_their_texts(one, other):
    assert (iso_us(one) < iso_us(other)) == (one < other)


@pytest.mark.parametrize("us", [FIRST_US - 1, LAST_US + 1, -(2**63), 10**30])
def test_outside_of_the_calendar_the_text_is_the_number(us):
    assert iso_us(us) == str(us)
    with pytest.raises(OverflowError):
        utc(us)


def test_the_forms_as_readers_meet_them():
    noon = 1_782_907_200_000_000
    assert iso(utc(noon)) == "2026-07-01T12:00:00Z"
    assert iso(utc(noon + 5)) == "2026-07-01T12:00:00.000005Z"
    assert iso(utc(noon), "milliseconds") == "2026-07-01T12:00:00.000Z"
    assert iso_us(noon) == "2026-07-01T12:00:00.000000Z"


def test_the_clock_is_in_microseconds():
    before = datetime.now(UTC)
    assert before <= utc(now_us()) <= datetime.now(UTC) + timedelta(microseconds=1)
