"""Accounts that do not show: those that have opted out, and those that ask to be shown to known readers only."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lake.flush import profile_states
from lake.flush.statements import new_engine
from lake.models import BatchRun, CatalogIdentity, DataFile, InactiveAccount, Tombstone
from lake.query.spec import OPTED_OUT, SIGNED_IN_ONLY, WITHHELD, Search
from lake.scan.snapshot import pin_snapshot
from lake.search import by_uri, sample
from lake.search.reader import Reader
from lake.storage.duckdb_engine import Engine
from lake.threads import thread
from lake.withheld_models import OptOut, SignedInOnlyAccount
from tests.builders import ALICE, BOB, NOON_US, account, commit, delete, identity, like, post
from tests.lake.scan.test_visibility import of_pages

PROFILE = "app.bsky.actor.profile"
ASKS = {"labels": {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "!no-unauthenticated"}]}}
OTHERS = {"labels": {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "porn"}]}}
ODD = {"labels": {"values": "!no-unauthenticated"}, "displayName": 5}
KEYS = st.tuples(st.sampled_from([ALICE, BOB]), st.sampled_from(["3a", "3b", "3c", "3d"]))
CHANGES = st.tuples(KEYS, st.sampled_from([ASKS, OTHERS, ODD, {}, None]))
STEPS = st.lists(CHANGES | st.sampled_from(["flush", "forget"]), min_size=1, max_size=12)


@pytest.fixture
def reader(lake_root):
    return Reader(Engine("300MB", 1), lake_root)


def profile(body, did=ALICE, rev="3a", us=NOON_US, operation="create", rkey="self"):
    record = None if body is None else {"$type": PROFILE, **body}
    return commit(PROFILE, record, "delete" if body is None else operation, did, us, rkey, rev)


def asking():
    return set(SignedInOnlyAccount.objects.filter(asks=True).values_list("did", flat=True))


def forget():
    SignedInOnlyAccount.objects.all().delete()
    CatalogIdentity.objects.update(profiles_read_at=None)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_the_newest_profile_counts_in_whatever_order_they_come(lake, lake_root, steps):
    """The model: of each account the change with the highest rev; of two with one rev the lake holds one."""
    for model in (DataFile, BatchRun, Tombstone, SignedInOnlyAccount):
        model.objects.all().delete()
    known, engine = {}, new_engine(1)
    for number, step in enumerate([*steps, "flush"]):
        if step == "flush":
            lake.flush()
        elif step == "forget":
            lake.flush()
            forget()
            profile_states.catch_up(engine, lake_root)
        elif step[0] not in known:
            (did, rev), body = step
            known[did, rev] = body
            lake.append(profile(body, did, rev, NOON_US + number))
    newest = {did: max(rev for other, rev in known if other == did) for did, _ in known}
    assert asking() == {did for did, rev in newest.items() if known[did, rev] is ASKS}


def everything():
    yield from (post(f"n{n}", did=did, rkey=f"k{n}", time_us=NOON_US + n) for n, did in enumerate([ALICE, BOB, ALICE]))
    yield like(f"at://{BOB}/app.bsky.feed.post/k1", did=ALICE)
    yield like(f"at://{ALICE}/app.bsky.feed.post/k0", did=BOB)
    yield commit("x.y.z", {}, did=ALICE, rkey="r", time_us=NOON_US + 9)
    yield delete("gone", did=ALICE, time_us=NOON_US + 10)
    yield identity("alice.example", did=ALICE, time_us=NOON_US + 11)
    yield profile(ASKS, us=NOON_US + 12)


DATASETS = ("posts", "likes", "records", "deletes", "accounts", "profiles")


def authors(reader, search):
    """By the rule for a page, and by the SQL for a whole."""
    paged = [version[0] for version in of_pages(reader, search)]
    assert sorted(paged) == sorted(
        did for part in reader.full_scan.slices(search, "did", "{sql}", 60) for (did,) in part
    )
    return paged


@pytest.mark.parametrize("hide", [True, False])
def test_all_rows_of_a_withheld_account_are_left_out_of_all_answers(lake, reader, hide):
    lake.flush(*everything())
    for dataset in DATASETS:
        search = pin_snapshot(Search(dataset=dataset, hide=hide))
        known = replace(search, withhold=(OPTED_OUT,))
        assert ALICE not in authors(reader, search)
        assert ALICE in authors(reader, known)
        assert {hit.did for hit in sample.draw(reader.full_scan, search, 9, "x")} <= {BOB}
        assert reader.count(known, 9)[0] > reader.count(search, 9)[0]
    OptOut.objects.create(did=ALICE)
    for dataset in DATASETS:
        known = pin_snapshot(Search(dataset=dataset, hide=hide, withhold=(OPTED_OUT,)))
        assert ALICE not in authors(reader, known)
    OptOut.objects.all().delete()
    assert ALICE in authors(reader, pin_snapshot(Search(hide=hide, withhold=(OPTED_OUT,))))


def test_pages_count_them_as_hidden_and_kept_answers_do_not_mix_readers(lake, reader):
    lake.flush(*everything())
    search = pin_snapshot(Search())
    for withhold, seen in ((WITHHELD, (1, 2)), ((OPTED_OUT,), (3, 0)), (WITHHELD, (1, 2))):
        page = reader.find(replace(search, withhold=withhold))
        assert (len(page.hits), page.hidden) == seen
    OptOut.objects.create(did=BOB)
    assert reader.find(search).hits == []
    assert reader.count(search, 9) == (0, "eq")


def test_a_list_of_posts_and_a_thread_say_why_one_does_not_show(lake, reader):
    root = f"at://{ALICE}/app.bsky.feed.post/k0"
    reply = {"root": {"uri": root, "cid": "x"}, "parent": {"uri": root, "cid": "x"}}
    lake.flush(*everything(), post("re", did=BOB, rkey="re", time_us=NOON_US + 20, reply=reply))
    assert by_uri.look_up(reader.scanner, [root], 9).hidden == {root: SIGNED_IN_ONLY}
    assert by_uri.look_up(reader.scanner, [root], 9, withhold=(OPTED_OUT,)).hidden == {}
    OptOut.objects.create(did=ALICE)
    assert by_uri.look_up(reader.scanner, [root], 9).hidden == {root: OPTED_OUT}
    found = thread.read_thread(reader.scanner, root, True, 9, ())
    assert (found.states, len(found.posts)) == ({}, 2)
    found = thread.read_thread(reader.scanner, root, True, 9)
    assert (found.states, len(found.posts)) == ({root: "hidden"}, 1)


def test_pages_and_the_copy_in_memory_follow_each_change(lake, reader):
    for rev, body, shown in (("3a", {}, 1), ("3b", ASKS, 0), ("3c", OTHERS, 1), ("3d", ASKS, 0), ("3e", None, 1)):
        lake.flush(profile(body, rev=rev, us=NOON_US + ord(rev[1]), operation="update"))
        if rev == "3a":
            lake.flush(post("x", rkey="k"))
        assert reader.count(pin_snapshot(Search()), 9) == (shown, "eq"), rev
        assert len(reader.find(pin_snapshot(Search())).hits) == shown, rev


def test_another_record_of_that_collection_says_nothing(lake):
    lake.flush(profile(ASKS, rkey="other"), profile(ASKS, did=BOB, rev="3a"), profile(None, did=BOB, rev="3b"))
    assert asking() == set()


def test_an_inactive_account_that_asks_is_hidden_once(lake, reader):
    lake.flush(*everything(), account(False, "deactivated", did=ALICE, time_us=NOON_US + 50))
    OptOut.objects.create(did=ALICE)
    assert InactiveAccount.objects.count() == 1
    page = reader.find(pin_snapshot(Search()))
    assert (len(page.hits), page.hidden) == (1, 2)


@pytest.mark.parametrize("newer", [OTHERS, {}, None])
def test_a_profile_that_comes_after_a_newer_one_says_nothing(lake, newer):
    lake.flush(profile(newer, rev="3b", us=NOON_US, operation="update"))
    lake.flush(profile(ASKS, rev="3a", us=NOON_US + 1))
    assert asking() == set()
    lake.flush(profile(ASKS, rev="3c", us=NOON_US + 2, operation="update"))
    assert asking() == {ALICE}
