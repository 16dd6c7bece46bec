import re
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ingest.simulator.world.identifiers import CLOCKS, blob_link, iso_ms, tid

TIMES = st.integers(0, 2**53 - 1)
ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"


@given(TIMES, st.integers(0, 1023))
def test_a_tid_holds_time_and_clock(time_us, clock):
    number = 0
    for digit in tid(time_us, CLOCKS[clock]):
        number = number * 32 + ALPHABET.index(digit)
    assert number == time_us << 10 | clock


@given(TIMES, TIMES, st.sampled_from(CLOCKS))
def test_text_order_of_tids_is_order_of_time(one, other, clock):
    assert (tid(one, clock) < tid(other, clock)) == (one < other)


@given(TIMES, st.sampled_from(CLOCKS))
def test_a_tid_is_well_formed(time_us, clock):
    assert re.fullmatch("[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}", tid(time_us, clock))


@given(st.integers(0, 4_000_000_000_000_000))
def test_iso_is_the_time_cut_to_milliseconds(time_us):
    parsed = datetime.fromisoformat(iso_ms(time_us))
    assert int((parsed - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000 + 0.5) == time_us // 1000


def test_a_blob_link_is_a_raw_cid():
    assert re.fullmatch("bafkrei[a-z2-7]{52}", blob_link(1)["$link"])
    assert blob_link(1) != blob_link(2)
