from io import BytesIO

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.simulator.log import Log, StoredEvents, time_of, timed

TIMES = st.lists(st.integers(-(2**62), 2**62))


def filled(times, keep=10_000, copy=None):
    log = Log(keep, copy)
    for number, time_us in enumerate(times):
        log.append(time_us, b"%d" % number)
    return log


@given(TIMES, st.integers(-(2**62), 2**62))
def test_a_cursor_leads_to_the_first_position_whose_highest_time_so_far_reaches_it(times, cursor):
    expected = next((number for number in range(len(times)) if max(times[: number + 1]) >= cursor), len(times))
    assert filled(times).position_at(cursor) == expected


def test_what_is_older_than_keep_leaves_the_memory():
    log = filled(range(30_000), keep=10_000)
    assert 10_000 <= log.end - log.first < 20_000
    assert log.read(log.first, 1) == [b"%d" % log.first]
    assert log.position_at(0) == log.first
    assert log.position_at(25_000) == 25_000
    assert len(log.frames()) == log.end - log.first


def test_reading_goes_on_over_the_borders_of_blocks():
    log, position, read = filled(range(10_000)), 0, []
    while frames := log.read(position, 1_000):
        read += frames
        position += len(frames)
    assert read == [b"%d" % number for number in range(10_000)]


def test_a_copy_gets_each_frame_as_a_line():
    copy = BytesIO()
    filled(range(3), copy=copy)
    assert copy.getvalue() == b"0\n1\n2\n"


def test_a_frame_without_a_time_counts_as_of_the_time_before():
    frames = [b'{"time_us":5}', b"junk", b'{"time_us":7}']
    assert list(timed(frames)) == [(5, b'{"time_us":5}'), (5, b"junk"), (7, b'{"time_us":7}')]
    assert list(timed([(3, b"a pair")])) == [(3, b"a pair")]


@pytest.mark.parametrize("frame", [b"", b"junk", b"[]", b"{}", b'{"time_us":"5"}', b'{"time_us":1.5}'])
def test_time_of_refuses_what_has_no_time(frame):
    with pytest.raises(msgspec.DecodeError):
        time_of(frame)


def test_stored_events_can_be_read_again():
    stored = StoredEvents([(1, b"a"), (2, b"b")])
    assert list(stored) == list(stored) == [(1, b"a"), (2, b"b")]
