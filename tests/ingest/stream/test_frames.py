"""How far frames bring us: the cursor."""

from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw

from ingest.buffer.entries import Cursor
from ingest.events import EARLIEST_TIME_US, DropReason, Event
from ingest.stream.frames import AHEAD_US, SEQ_LIMIT, advance_cursor, read_frames
from tests.builders import NOON_US, delete

NOW = NOON_US
HOST = "one.example.com"
times = st.integers(-(10**30), 10**30) | st.integers(NOW - 10**9, NOW + 10**9)
seqs = st.none() | st.integers(-(10**20), 10**20)
cursors = st.none() | st.builds(Cursor, st.integers(EARLIEST_TIME_US, NOW), st.sampled_from([HOST, "other"]), seqs)


def event(time_us, seq=None):
    return Event(b"", "commit", time_us, seq, "", None, Raw(b""))


@given(cursors, times, seqs)
@example(None, NOW + AHEAD_US, None)
@example(Cursor(NOW + 10**9), NOW, None)
def test_the_cursor_is_the_highest_plausible_time_and_never_ahead_of_now(before, time_us, seq):
    after = advance_cursor(before, event(time_us, seq), HOST, NOW)
    possible = [before.time_us] if before else []
    if EARLIEST_TIME_US <= time_us <= NOW + AHEAD_US:
        possible.append(time_us)
    if not possible:
        assert after is None
    else:
        assert after.time_us == min(max(possible), NOW)
        assert after.host == HOST


@given(cursors, times, seqs)
def test_a_seq_is_of_this_host_and_can_be_taken_for_no_time(before, time_us, seq):
    after = advance_cursor(before, event(time_us, seq), HOST, NOW)
    if after and after.seq is not None:
        assert (after.seq == seq and 0 < seq < SEQ_LIMIT) or (before.host == HOST and after.seq == before.seq)


def test_garbage_times_leave_the_cursor_where_it_was():
    before = Cursor(NOW - 1000, HOST)
    for time_us in (0, -1, EARLIEST_TIME_US - 1, NOW + AHEAD_US + 1, 10**30):
        assert advance_cursor(before, event(time_us), HOST, NOW) == before


def test_a_seq_may_step_back_as_its_server_does():
    assert advance_cursor(Cursor(NOW, HOST, 900), event(NOW, 500), HOST, NOW) == Cursor(NOW, HOST, 500)


def test_a_seq_does_not_go_over_to_another_host():
    assert advance_cursor(Cursor(NOW, "other", 900), event(NOW), HOST, NOW) == Cursor(NOW, HOST, None)


def test_each_event_carries_the_cursor_after_it_and_drops_move_nothing():
    early, late, junk = delete("a", time_us=NOW - 2000), delete("b", time_us=NOW - 1000), b"junk"
    batch = read_frames([late, junk, early], None, HOST, NOW)
    assert [(kept.frame, cursor) for kept, cursor in batch.events] == [
        (late, Cursor(NOW - 1000, HOST)),
        (early, Cursor(NOW - 1000, HOST)),
    ]
    assert [drop.reason for drop in batch.drops] == [DropReason.NOT_JSON]
    assert batch.cursor == Cursor(NOW - 1000, HOST)


def test_before_any_plausible_time_events_are_kept_and_there_is_no_cursor():
    batch = read_frames([delete("a", time_us=0)], None, HOST, NOW)
    assert batch.cursor is None
    assert batch.events[0][1] == Cursor(0, HOST)
