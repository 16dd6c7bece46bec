"""What shows is said twice: as a rule for the hits of a page, and as SQL for counts and exports."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lake.models import BatchRun, CatalogIdentity, DataFile, InactiveAccount, Tombstone
from lake.query.spec import Search
from lake.scan.hit import collection_sql
from lake.scan.snapshot import pin_snapshot
from lake.search.reader import Reader
from lake.storage.duckdb_engine import Engine
from tests.builders import ALICE, BOB, NOON_US, account, commit

LIKE = "app.bsky.feed.like"
COLLECTIONS = {
    "posts": ["app.bsky.feed.post"],
    "profiles": ["app.bsky.actor.profile"],
    "records": ["x.y.one", "x.y.two"],
    "likes": [LIKE],
    "deletes": [],  # of all of these
}
SECOND_US = 1_000_000
KEYS = st.tuples(
    st.sampled_from([collection for some in COLLECTIONS.values() for collection in some]),
    st.sampled_from([ALICE, BOB]),
    st.sampled_from(["self", "k"]),
    st.sampled_from(["3a", "3b", "3c"]),
)
OPERATIONS = st.tuples(KEYS, st.sampled_from(["create", "update", "delete"]))
ACCOUNTS = st.tuples(st.sampled_from([ALICE, BOB]), st.sampled_from([None, "deactivated"]))
STEPS = st.lists(OPERATIONS | ACCOUNTS | st.sampled_from(["flush", "pin"]), min_size=1, max_size=16)


@pytest.fixture
def reader(lake_root):
    return Reader(Engine("300MB", 1), lake_root)


def frame(step, number):
    us = NOON_US + number * SECOND_US
    if len(step) == 2 and isinstance(step[0], str):
        did, status = step
        return account(status is None, status, did, us, number, f"2026-07-01T12:00:{number:02}Z")
    (collection, did, rkey, rev), operation = step
    subject = {"uri": f"at://{BOB}/x/y", "cid": "bafyreib"} if collection == LIKE else None
    return commit(collection, {"subject": subject} if subject else {}, operation, did, us, rkey, rev)


def of_pages(reader, search):
    """The visible versions, page by page."""
    start, versions = None, []
    while True:
        page = reader.find(search, 3, start=start)
        versions += [hit.version for hit in page.hits]
        if page.next is None:
            return versions
        start = page.next


def of_whole(reader, search):
    """The same at once."""
    columns = f"did, {collection_sql(search.of)}, rkey, rev"
    return [row for part in reader.full_scan.slices(search, columns, "{sql}", 60) for row in part]


def must_agree(reader, search):
    paged = of_pages(reader, search)
    assert sorted(paged) == sorted(of_whole(reader, search))
    return paged


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_the_rule_for_a_page_and_the_sql_for_a_whole_agree(lake, lake_root, steps):
    for model in (DataFile, BatchRun, Tombstone, InactiveAccount):
        model.objects.all().delete()
    CatalogIdentity.objects.update(clock_us=0)
    reader, pinned = Reader(Engine("300MB", 1), lake_root), []
    for number, step in enumerate([*steps, "flush"]):
        if step == "pin":
            pinned += [pin_snapshot(Search(dataset=dataset)) for dataset in COLLECTIONS]
        elif step == "flush":
            lake.flush()
        else:
            lake.append(frame(step, number))
    for search in [*pinned, *(pin_snapshot(Search(dataset=dataset)) for dataset in COLLECTIONS)]:
        must_agree(reader, search)


def test_a_record_of_another_collection_with_the_same_key_hides_nothing(lake, reader):
    lake.flush(
        commit("x.y.one", {}, rkey="self", rev="3a", time_us=NOON_US),
        commit("x.y.two", {}, "update", rkey="self", rev="3b", time_us=NOON_US + 1),
        commit("x.y.three", None, "delete", rkey="self", rev="3c", time_us=NOON_US + 2),
    )
    versions = must_agree(reader, pin_snapshot(Search(dataset="records")))
    assert [(collection, rev) for _, collection, _, rev in versions] == [("x.y.two", "3b"), ("x.y.one", "3a")]


def test_a_delete_hides_its_own_collection_only_at_one_rev(lake, reader):
    """Several records of one commit have one rev."""
    same = {"rkey": "self", "rev": "3a", "time_us": NOON_US}
    lake.flush(commit("x.y.one", {}, **same), commit("x.y.two", {}, **same))
    lake.flush(commit("x.y.one", None, "delete", rkey="self", rev="3b", time_us=NOON_US + 1))
    versions = must_agree(reader, pin_snapshot(Search(dataset="records")))
    assert [collection for _, collection, _, _ in versions] == ["x.y.two"]
