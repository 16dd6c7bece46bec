"""Deletions on their way into the files."""

from datetime import UTC, datetime, timedelta

import pytest

from lake.catalog import listing
from lake.catalog.commits import AccountState, NewTombstone, add_tombstones, set_accounts
from lake.compact import tombstones
from lake.compact.compactor import Compactor
from lake.errors import Stopped
from lake.models import InactiveAccount, Tombstone
from lake.storage import layout
from lake.storage.duckdb_engine import Engine
from tests.builders import ALICE, BOB, NOON_US, POST, commit, delete, post

NOW = datetime.now(UTC)
HOUR_US = 3_600_000_000


@pytest.fixture
def compacted(lake):
    """A post, a profile and a record of ALICE, in compacted hours of their own."""
    lake.flush(
        post("one", rkey="a", rev="3b", time_us=NOON_US),
        commit("app.bsky.actor.profile", {}, rkey="self", rev="3b", time_us=NOON_US + HOUR_US),
        commit("a.b.c", {}, rkey="a", rev="3b", time_us=NOON_US + 2 * HOUR_US),
    )
    Compactor(lake.root, lake.root / layout.SCRATCH, 1, 0, 0, lambda: False).round(patient=False)
    return lake


def touched(lake, tmp_path):
    snapshot = tombstones.take_snapshot(tmp_path / "scratch")
    found = tombstones.touched(Engine("200MB", 1), lake.root, snapshot, listing.listed_files(), lambda: False)
    return {dataset for dataset, _ in found}


@pytest.mark.parametrize(
    ("uri", "rev", "dataset"),
    [
        ((ALICE, POST, "a"), "3c", {"posts"}),
        ((ALICE, "app.bsky.actor.profile", "self"), "3c", {"profiles"}),
        ((ALICE, "a.b.c", "a"), "3c", {"records"}),
        ((ALICE, POST, "a"), "3b", set()),
        ((BOB, POST, "a"), "3c", set()),
        ((ALICE, POST, "b"), "3c", set()),
        ((ALICE, "a.b.d", "a"), "3c", set()),
    ],
)
def test_a_tombstone_touches_the_partition_of_an_older_version_of_its_uri(compacted, tmp_path, uri, rev, dataset):
    assert touched(compacted, tmp_path) == set()
    for deleted in (False, True):
        add_tombstones([NewTombstone(*uri, rev, deleted, NOON_US)])
        assert touched(compacted, tmp_path) == dataset
    tombstones.set_applied(tombstones.take_snapshot(tmp_path / "scratch"), NOW)
    assert touched(compacted, tmp_path) == set()


def test_a_deleted_account_touches_all_its_partitions_and_another_status_none(compacted, tmp_path):
    set_accounts([AccountState(ALICE, False, "suspended", 1, 1)])
    assert touched(compacted, tmp_path) == set()
    set_accounts([AccountState(ALICE, False, "deleted", 2, 2)])
    assert touched(compacted, tmp_path) == {"posts", "profiles", "records"}
    tombstones.set_applied(tombstones.take_snapshot(tmp_path / "scratch"), NOW)
    assert InactiveAccount.objects.get().applied_at == NOW
    assert touched(compacted, tmp_path) == set()


def test_only_what_the_snapshot_holds_is_set_applied(db, tmp_path):
    add_tombstones([NewTombstone(ALICE, POST, "a", "3b", True, NOON_US)])
    set_accounts([AccountState(ALICE, False, "deleted", 1, 1)])
    snapshot = tombstones.take_snapshot(tmp_path)
    add_tombstones([NewTombstone(BOB, POST, "a", "3b", True, NOON_US)])
    set_accounts([AccountState(BOB, False, "deleted", 1, 1)])
    assert tombstones.set_applied(snapshot, NOW) == 1
    for model in (Tombstone, InactiveAccount):
        assert dict(model.objects.values_list("did", "applied_at")) == {ALICE: NOW, BOB: None}
    assert tombstones.oldest_unapplied() == Tombstone.objects.get(did=BOB).seen


def test_the_search_ends_when_it_is_asked_to(compacted, tmp_path):
    snapshot = tombstones.take_snapshot(tmp_path)
    with pytest.raises(Stopped):
        tombstones.touched(Engine("200MB", 1), compacted.root, snapshot, listing.listed_files(), lambda: True)


def test_a_tombstone_outlives_a_host_s_replay_and_the_pass_after_it(lake):
    lake.flush(delete("a", rev="3a"))
    replayed = NOW - timedelta(hours=36) - timedelta(days=1)
    Tombstone.objects.update(applied_at=replayed, seen=replayed)
    assert tombstones.remove_expired(NOW) == 0


def test_the_tombstones_of_likes_stay_as_their_files_have_no_states(db):
    add_tombstones([NewTombstone(ALICE, "app.bsky.feed.like", "a", "3b", True, NOON_US)])
    old = NOW - timedelta(days=400)
    Tombstone.objects.update(applied_at=old, seen=old)
    assert tombstones.remove_expired(NOW) == 0


def test_a_tombstone_stays_as_long_as_a_version_may_come_late(lake):
    lake.flush(delete("a", rev="3a"), delete("b", rev="3a"), delete("c", rev="3a"))
    old = NOW - tombstones.KEPT - timedelta(seconds=1)
    Tombstone.objects.filter(rkey="a").update(applied_at=old, seen=old)
    Tombstone.objects.filter(rkey="b").update(applied_at=NOW, seen=old)
    Tombstone.objects.filter(rkey="c").update(applied_at=old, seen=NOW)
    assert tombstones.remove_expired(NOW) == 1
    assert set(Tombstone.objects.values_list("rkey", flat=True)) == {"b", "c"}
