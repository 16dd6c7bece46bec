"""What the catalog learns of deletions from a batch."""

import pytest

from lake.models import DataFile, InactiveAccount, Tombstone
from process.instants import now_us
from tests.builders import ALICE, BOB, NOON_US, POST, account, commit, delete, post, tid

MINUTE = 60_000_000
HOUR = 60 * MINUTE


def tombstones():
    """The highest rev below which versions of each record are hidden."""
    return {(row.did, row.rkey): row.rev for row in Tombstone.objects.order_by("rev")}


def test_deletes_and_updates_of_posts_leave_tombstones_and_other_creates_none(lake):
    now, later = tid(NOON_US), tid(NOON_US + 1)
    lake.flush(
        post("new", time_us=NOON_US, rkey=now, rev=now),
        post("changed", operation="update", did=BOB, time_us=NOON_US, rkey=now, rev=later),
        delete("gone", rev=later),
        delete("alike", collection="app.bsky.feed.like"),
        commit("a.b.c", {"x": 1}, time_us=NOON_US),
        commit("a.b.c", {"x": 1}, "update", time_us=NOON_US, rkey="changed", rev=later),
        delete("self", collection="app.bsky.actor.profile", rev=later),
    )
    gone = {(ALICE, "gone"): later, (ALICE, "self"): later}
    assert tombstones() == {(BOB, now): later, (ALICE, "changed"): later} | gone
    assert {(row.did, row.rkey) for row in Tombstone.objects.filter(deleted=True)} == gone.keys()


@pytest.mark.parametrize("name", ["feed.like", "feed.repost", "graph.follow", "graph.block"])
def test_of_likes_and_the_like_only_what_is_odd_leaves_tombstones(lake, name):
    """There are too many for one each: searches subtract the deletes that were seen later."""
    collection, now = f"app.bsky.{name}", tid(NOON_US)
    at = {"time_us": NOON_US, "rev": now}
    lake.flush(
        commit(collection, {}, rkey=now, **at),
        commit(collection, {}, rkey=tid(NOON_US - 9 * HOUR), **at),
        commit(collection, {}, rkey="self", **at),
        commit(collection, {}, "update", rkey=now, did=BOB, **at),
        delete("usual", collection, **at),
        delete("late", collection, time_us=NOON_US + 9 * HOUR, rev=now),
        delete("early", collection, time_us=NOON_US - HOUR, rev=now),
        delete("odd", collection, time_us=NOON_US, rev="3a"),
    )
    assert set(Tombstone.objects.values_list("did", "rkey", "deleted")) == {
        (ALICE, "self", False),
        (BOB, now, False),
        (ALICE, "early", True),
        (ALICE, "odd", True),
    }


def test_a_like_whose_seen_is_its_ingest_time_meets_its_earlier_delete(lake):
    like = {"rkey": tid(NOON_US), "rev": tid(NOON_US)}
    lake.flush(delete(tid(NOON_US), "app.bsky.feed.like", time_us=now_us() - 9 * HOUR, rev=tid(NOON_US + 1)))
    lake.flush(commit("app.bsky.feed.like", {}, time_us=NOON_US, **like, did=BOB))
    assert not Tombstone.objects.exists()
    lake.flush(commit("app.bsky.feed.like", {}, time_us=0, **like))
    assert tombstones() == {(ALICE, tid(NOON_US)): tid(NOON_US + 1)}


def test_of_one_record_the_highest_rev_stays_whatever_the_order(lake):
    lake.flush(delete("a", rev="3b"), delete("b", rev="3a"))
    lake.flush(delete("a", rev="3a"), delete("b", rev="3b"))
    assert tombstones() == {(ALICE, "a"): "3b", (ALICE, "b"): "3b"}


@pytest.mark.parametrize(
    ("key", "other"), [(tid(NOON_US), "app.bsky.feed.threadgate"), ("self", "app.bsky.actor.profile")]
)
def test_a_record_with_the_key_of_a_post_is_no_version_of_it(lake, key, other):
    """A threadgate always has the key of its post."""
    own = {"rkey": key, "time_us": NOON_US}
    lake.flush(post("first", rev="3a", **own), post("edited", "update", rev="3b", **own))
    lake.flush(post("other", rkey="other", rev="3c"), commit(other, {"x": 1}, "update", rev="3d", **own))
    stones = set(Tombstone.objects.filter(rkey=key).values_list("collection", "rev"))
    assert {stone for stone in stones if stone[0] == other} == {(other, "3d")}
    assert {stone for stone in stones if stone[0] == POST and stone[1] > "3b"} == set()
    assert lake.buffer.dead_letters() == []
    assert lake.buffer.depth() == 0


def test_a_create_over_an_older_version_hides_it(lake):
    """Its delete was never seen: both versions are at hand, or the key is older than the event."""
    key = tid(NOON_US)
    lake.flush(post("one", time_us=NOON_US, rkey=key, rev=tid(NOON_US)))
    lake.flush(post("two", time_us=NOON_US + MINUTE, rkey=key, rev=tid(NOON_US + MINUTE)))
    lake.flush(post("imported", time_us=NOON_US, rkey=tid(NOON_US - HOUR), rev=tid(NOON_US), did=BOB))
    lake.flush(post("no clock in it", time_us=NOON_US, rkey="self", rev=tid(NOON_US), did=BOB))
    assert tombstones() == {
        (ALICE, key): tid(NOON_US + MINUTE),
        (BOB, tid(NOON_US - HOUR)): tid(NOON_US),
        (BOB, "self"): tid(NOON_US),
    }


def test_the_latest_account_event_counts_whatever_the_order_and_batch(lake):
    off = account(False, "deactivated", seq=5, time="2026-07-01T12:00:05Z")
    on = account(True, seq=6, time="2026-07-01T12:00:06Z")
    lake.flush(on)
    lake.flush(off)
    assert not InactiveAccount.objects.exists()
    lake.flush(account(False, "suspended", seq=7, time="2026-07-01T12:00:07Z"), off)
    assert InactiveAccount.objects.get().status == "suspended"
    lake.flush(account(True, seq=4, time="2026-07-01T12:00:04Z"))
    assert InactiveAccount.objects.get().status == "suspended"


def test_an_account_event_s_own_time_counts_as_seq_restarts_with_another_relay(lake):
    lake.flush(account(False, "deactivated", seq=900, time="2026-07-01T12:00:05Z"))
    lake.flush(account(True, seq=3, time="2026-07-01T12:00:06Z"))
    assert not InactiveAccount.objects.exists()
    on, off = (
        account(True, seq=905, time="2026-07-01T12:00:07Z"),
        account(False, "suspended", seq=4, time="2026-07-02T00:00:00Z"),
    )
    lake.flush(on, off)
    DataFile.objects.all().delete()  # as retention does: the catalog alone knows the state
    lake.flush(account(True, seq=950, time="2026-07-01T12:00:08Z"))
    assert InactiveAccount.objects.get().status == "suspended"
