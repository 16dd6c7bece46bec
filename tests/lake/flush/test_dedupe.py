"""Each event is in the lake once, however often it comes."""

from datetime import UTC, datetime

import pytest

from lake.models import DataFile
from tests.builders import BOB, NOON_US, account, commit, like, post, tid

MINUTE = 60_000_000


def test_an_event_that_comes_again_is_dropped_in_the_batch_and_against_the_lake(lake):
    again = post("once")
    lake.flush(again, again)
    lake.flush(again)
    lake.flush(again, post("other"))
    assert [row["text"] for row in lake.rows("posts")] == ["once", "other"]


def test_events_of_several_datasets_that_share_a_rev_are_each_kept_once(lake):
    """One commit of an account may hold records of several collections."""
    same = {"rkey": tid(NOON_US), "rev": tid(NOON_US), "time_us": NOON_US}
    events = [post("one", **same), commit("a.b.c", {"x": 1}, **same), like("at://x/y/z", **same), account(True, seq=1)]
    lake.flush(*events, *events)
    lake.flush(post("other"), *events)
    lake.flush(*events[1:])
    assert [len(lake.rows(name)) for name in ("posts", "records", "likes", "accounts")] == [2, 1, 1, 1]


@pytest.mark.parametrize("minutes", [-9, 9])
def test_an_event_of_another_host_is_dropped_although_its_clock_differs(lake, minutes):
    same = {"rkey": tid(NOON_US), "rev": tid(NOON_US)}
    lake.flush(post("once", time_us=NOON_US, **same), commit("a.b.c", {"x": 1}, time_us=NOON_US, **same))
    late = NOON_US + minutes * MINUTE
    lake.flush(post("once", time_us=late, **same), commit("a.b.c", {"x": 1}, time_us=late, **same))
    assert len(lake.rows("posts")) == len(lake.rows("records")) == 1


def test_events_that_differ_in_one_part_of_the_key_are_different_events(lake):
    same = {"rkey": "self", "rev": tid(NOON_US), "time_us": NOON_US}
    lake.flush(commit("a.b.c", {"x": 1}, **same))
    lake.flush(
        commit("a.b.c", {"x": 1}, **same),
        commit("a.b.d", {"x": 1}, **same),
        commit("a.b.c", {"x": 1}, did=BOB, **same),
        commit("a.b.c", {"x": 1}, operation="update", **same),
        commit("a.b.c", {"x": 1}, **same | {"rkey": "other"}),
        commit("a.b.c", {"x": 1}, **same | {"rev": tid(NOON_US + 1)}),
    )
    assert len(lake.rows("records")) == 6


def test_account_events_are_told_apart_by_inner_seq(lake):
    lake.flush(account(True, seq=1), account(True, seq=1), account(True, seq=2))
    lake.flush(account(True, seq=2), account(True, seq=3), account(True, seq=3, did=BOB))
    assert [row["seq"] for row in lake.rows("accounts")] == [1, 2, 3, 3]


def test_an_impossible_time_is_dropped_however_late_it_comes_again(lake):
    broken = post("no clock", time_us=0, rkey="a", rev=tid(NOON_US))
    lake.flush(broken)
    arrival = lake.rows("posts")[0]["seen"]
    assert abs((arrival.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()) < 60
    DataFile.objects.update(min_seen="2020-01-01T00:00Z", max_seen="2020-01-01T00:00Z")  # as if it came years ago
    lake.flush(broken)
    assert len(lake.rows("posts")) == 1
    assert lake.rows("posts")[0]["extra"] == '{"$time_us":0}'
