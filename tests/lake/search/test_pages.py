"""What readers of pages see while posts arrive, change and go; and other datasets than posts."""

import pytest

from lake.compact.compactor import Compactor
from lake.models import BatchRun, DataFile, InactiveAccount
from lake.query.parser import parse
from lake.query.spec import Search
from lake.scan import paged_scan
from lake.scan.snapshot import pin_snapshot
from lake.search import sample
from lake.search.by_uri import look_up
from lake.search.reader import Reader
from lake.storage.duckdb_engine import Engine
from lake.storage.layout import SCRATCH
from process.instants import now_us, utc
from tests.builders import ALICE, BOB, NOON_US, POST, account, commit, delete, like, post, tid

SECOND_US = 1_000_000
LIKE = "app.bsky.feed.like"


@pytest.fixture
def reader(lake_root):
    return Reader(Engine("500MB", 2, fence=lake_root), lake_root)


def rkeys(page):
    return [hit.key.rkey for hit in page.hits]


def posts(count, **fields):
    return [post(f"p{n}", rkey=f"k{n}", time_us=NOON_US + n * SECOND_US, **fields) for n in range(count)]


def test_what_comes_after_the_first_page_does_not_exist_for_the_walk(lake, reader):
    lake.flush(*posts(4))
    search = pin_snapshot(Search())
    first = reader.find(search, 2)
    lake.flush(post("new", rkey="new", time_us=NOON_US + 9 * SECOND_US))
    assert rkeys(first) + rkeys(reader.find(search, 5, start=first.next)) == ["k3", "k2", "k1", "k0"]
    assert reader.full_scan.count(search, 60) == (4, "eq")
    assert reader.full_scan.count(pin_snapshot(Search()), 60) == (5, "eq")


@pytest.mark.parametrize("rkey", ["k0", "k3"])
def test_a_post_updated_during_the_walk_is_there_once_in_its_old_version(lake, reader, rkey):
    lake.flush(*posts(4))
    search = pin_snapshot(Search())
    first = reader.find(search, 2)
    lake.flush(post("changed", "update", rkey=rkey, time_us=NOON_US + 60 * SECOND_US))
    assert rkeys(first) + rkeys(reader.find(search, 5, start=first.next)) == ["k3", "k2", "k1", "k0"]
    assert reader.full_scan.count(search, 60) == (4, "eq")
    anew = pin_snapshot(Search())
    assert rkeys(reader.find(anew)) == [rkey, *(name for name in ("k3", "k2", "k1", "k0") if name != rkey)]
    assert reader.full_scan.count(anew, 60) == (4, "eq")


def test_an_event_ahead_of_its_time_does_not_disturb_a_walk(lake, reader):
    """Up to an hour ahead, seen is its time_us: what comes meanwhile is seen before it."""
    now = now_us()
    ahead = post("ahead", rkey="ahead", time_us=now + 3000 * SECOND_US)
    lake.flush(*(post("here", rkey=f"k{n}", time_us=now - (9 - n) * SECOND_US) for n in range(3)), ahead)
    search = pin_snapshot(Search())
    first = reader.find(search, 1)
    lake.flush(*(post("new", "update", rkey=f"k{n}", time_us=now_us() + 60 * SECOND_US) for n in range(3)))
    assert rkeys(first) + rkeys(reader.find(search, 5, start=first.next)) == ["k2", "k1", "k0"]
    assert reader.full_scan.count(search, 60) == (3, "eq")
    assert look_up(reader.scanner, [f"at://{ALICE}/{POST}/ahead"], 60).hits, "a lookup is of what there is"
    BatchRun.objects.update(last_id=f"{now // 1000 + 3_001_000}-0")  # as when that time has come
    assert rkeys(reader.find(pin_snapshot(Search()))) == ["ahead", "k2", "k1", "k0"]


def test_of_three_versions_the_one_that_was_newest_when_the_walk_began_shows(lake, reader):
    lake.flush(post("one", rkey="k", time_us=NOON_US))
    lake.flush(post("two", "update", rkey="k", time_us=NOON_US + SECOND_US))
    search = pin_snapshot(Search())
    lake.flush(post("three", "update", rkey="k", time_us=NOON_US + 2 * SECOND_US))
    assert [hit.fields["text"] for hit in reader.find(search).hits] == ["two"]
    assert reader.full_scan.count(search, 60) == (1, "eq")


def test_a_post_deleted_during_the_walk_is_gone_at_once(lake, reader):
    lake.flush(*posts(4))
    search = pin_snapshot(Search())
    first = reader.find(search, 2)
    assert reader.full_scan.count(search, 60) == (4, "eq")
    lake.flush(delete("k0", time_us=NOON_US + 60 * SECOND_US))
    page = reader.find(search, 5, start=first.next)
    assert (rkeys(page), page.hidden) == (["k1"], 1)
    assert reader.full_scan.count(search, 60) == (3, "eq")


@pytest.mark.parametrize("limit", [1, 2, 3, 6])
def test_a_hidden_row_counts_on_one_page_and_a_full_last_page_has_no_next(lake, reader, limit):
    lake.flush(*posts(12))
    lake.flush(*(delete(f"k{n}", time_us=NOON_US + 60 * SECOND_US) for n in range(1, 12, 2)))
    by_token, start = [], None
    while not by_token or (start := by_token[-1].next):
        by_token.append(reader.find(Search(), limit, start=start))
    by_number = [reader.find(Search(), limit, offset) for offset in range(0, 6, limit)]
    for pages in (by_token, by_number):
        assert [len(page.hits) for page in pages] == [limit] * (6 // limit)
        assert sum(page.hidden for page in pages) == 6


def test_a_full_last_page_has_no_next_though_rows_follow_that_do_not_match(lake, reader, monkeypatch):
    monkeypatch.setattr(paged_scan, "FIRST_ROWS", 1)  # slices of few rows: what follows is in another one
    lake.flush(*(post("other", rkey=f"o{n}", time_us=NOON_US + n * SECOND_US) for n in range(20)))
    lake.flush(*(post("lake", rkey=f"k{n}", time_us=NOON_US + (60 + n) * SECOND_US) for n in range(3)))
    page = reader.find(Search(parse("lake")), 3)
    assert (len(page.hits), page.next, page.total) == (3, None, 3)


def test_counts_follow_accounts_that_go_and_come_back(lake, reader):
    lake.flush(*posts(3), *posts(2, did=BOB))
    assert reader.full_scan.count(Search(), 60) == (5, "eq")
    lake.flush(account(False, "deactivated", did=BOB, seq=2, time="2026-07-02T00:00:00.000Z"))
    assert reader.full_scan.count(Search(), 60) == (3, "eq")
    lake.flush(
        account(True, did=BOB, seq=3, time="2026-07-03T00:00:00.000Z"),
        account(False, "suspended", seq=3, time="2026-07-03T00:00:00.000Z"),
    )
    assert InactiveAccount.objects.get().did == ALICE
    assert reader.full_scan.count(Search(), 60) == (2, "eq")


def test_a_like_that_came_before_its_time_can_be_taken_back(lake, reader):
    """Its host's clock is nearly an hour ahead, the one of its delete's host is right: so the delete is seen before."""
    ahead = NOON_US + 3500 * SECOND_US
    record = {"subject": {"uri": f"at://{BOB}/{POST}/k", "cid": "c"}}
    lake.flush(commit(LIKE, record, rkey=tid(NOON_US), rev=tid(NOON_US), time_us=ahead))
    search = Search(dataset="likes", start=utc(ahead))
    assert rkeys(reader.find(search)) == [tid(NOON_US)]
    later = NOON_US + 10 * SECOND_US
    lake.flush(delete(tid(NOON_US), LIKE, time_us=later, rev=tid(later)))
    assert rkeys(reader.find(search)) == []
    assert reader.full_scan.count(search, 60) == (0, "eq")


def test_without_hiding_everything_that_is_there_shows(lake, reader):
    lake.flush(*posts(3))
    lake.flush(delete("k0", time_us=NOON_US + 60 * SECOND_US))
    lake.flush(account(False, "deactivated"))
    assert rkeys(reader.find(Search())) == []
    shown = Search(hide=False)
    assert rkeys(reader.find(shown)) == ["k2", "k1", "k0"]
    assert reader.full_scan.count(shown, 60) == (3, "eq")


def test_likes_that_were_taken_back_are_subtracted(lake, reader):
    likes = [like(f"at://{BOB}/app.bsky.feed.post/{n}") for n in range(3)]
    lake.flush(*likes)
    search = Search(dataset="likes")
    keys = rkeys(reader.find(search))
    lake.flush(delete(keys[1], LIKE, time_us=NOON_US + 3600 * SECOND_US, rev=tid(NOON_US + 3600 * SECOND_US)))
    lake.flush(delete(keys[0], "app.bsky.feed.repost", time_us=NOON_US + 3600 * SECOND_US))
    page = reader.find(search)
    assert (rkeys(page), page.hidden) == ([keys[0], keys[2]], 1)
    assert reader.full_scan.count(search, 60) == (2, "eq")
    assert page.hits[0].fields["subject"] == f"at://{BOB}/app.bsky.feed.post/2"
    assert page.hits[0].uri == f"at://{ALICE}/{LIKE}/{keys[0]}"


def test_every_dataset_has_pages(lake, reader):
    profile = {"$type": "app.bsky.actor.profile", "displayName": "Al", "description": "of the lake"}
    lake.flush(
        commit("app.bsky.actor.profile", profile, rkey="self", time_us=NOON_US),
        commit("a.b.c", {"x": 1}, rkey="r", time_us=NOON_US),
        delete("d", "a.b.d", time_us=NOON_US),
        account(True, did=BOB, time_us=NOON_US),
        account(True, did=BOB, time_us=NOON_US, seq=2),
    )
    found = {name: reader.find(Search(dataset=name)).hits for name in ("profiles", "records", "deletes", "accounts")}
    assert [hit.uri for hit in found["profiles"]] == [f"at://{ALICE}/app.bsky.actor.profile/self"]
    assert found["profiles"][0].fields["display_name"] == "Al"
    assert [hit.uri for hit in found["records"]] == [f"at://{ALICE}/a.b.c/r"]
    assert [hit.uri for hit in found["deletes"]] == [f"at://{ALICE}/a.b.d/d"]
    assert [hit.uri for hit in found["accounts"]] == [f"at://{BOB}"] * 2
    start, keys = None, []
    for _ in range(2):
        page = reader.find(Search(dataset="accounts"), 1, start=start)
        keys.append(page.hits[0].key)
        start = page.next
    assert len(set(keys)) == 2


def test_a_sample_is_the_same_for_everybody_and_a_delete_takes_out_only_itself(lake, reader):
    lake.flush(*posts(40))
    drawn = [hit.key.rkey for hit in sample.draw(reader.full_scan, Search(timeout=60), 10, "42")]
    assert drawn == [hit.key.rkey for hit in sample.draw(reader.full_scan, Search(timeout=60, newest=False), 10, "42")]
    assert drawn != [hit.key.rkey for hit in sample.draw(reader.full_scan, Search(timeout=60), 10, "43")]
    assert drawn[:5] == [hit.key.rkey for hit in sample.draw(reader.full_scan, Search(timeout=60), 5, "42")]
    lake.flush(delete(drawn[3], time_us=NOON_US + 60 * SECOND_US))
    again = [hit.key.rkey for hit in sample.draw(reader.full_scan, Search(timeout=60), 10, "42")]
    assert again[:9] == drawn[:3] + drawn[4:]


def test_a_walk_too_slow_for_its_limit_comes_to_the_end_part_by_part(lake, reader, monkeypatch):
    """Each page may read one piece only."""
    monkeypatch.setattr(paged_scan, "FIRST_ROWS", 3)
    for hour in range(5):
        lake.flush(
            *(post(f"h{hour}", rkey=f"k{hour}{n}", time_us=NOON_US + hour * 3600 * SECOND_US + n) for n in range(3))
        )
    rows, allowed = Engine.rows, []

    def one_query(self, sql, values=(), seconds=0):
        if not allowed:
            return rows(self, "SELECT count(*) FROM range(1_000_000_000_000)", (), 0.01)
        allowed.pop()
        return rows(self, sql, values, seconds)

    monkeypatch.setattr(Engine, "rows", one_query)
    search, start, found, pages = Search(parse("h"), timeout=60), None, [], 0
    while True:
        allowed.append(True)
        page = reader.find(search, 50, start=start)
        found += rkeys(page)
        pages += 1
        if page.next is None:
            break
        assert page.searched_to is not None
        start = page.next
    assert found == [f"k{hour}{n}" for hour in (4, 3, 2, 1, 0) for n in (2, 1, 0)]
    assert pages > 3


@pytest.mark.parametrize("dataset", ["likes", "follows"])
def test_hits_of_compacted_files_have_the_cids_that_are_left_out_there(lake, reader, dataset):
    follow = {"$type": "app.bsky.graph.follow", "createdAt": "2026-07-01T11:59:59.123Z", "subject": BOB}
    odd = {**follow, "createdAt": "yesterday", "more": [1, None]}
    lake.flush(*(like(f"at://{BOB}/app.bsky.feed.post/{n}") for n in range(3)))
    lake.flush(*(commit("app.bsky.graph.follow", record, did=ALICE) for record in (follow, odd)))
    search = Search(dataset=dataset, timeout=60)
    before = reader.find(search).hits
    assert all(hit.fields["cid"] for hit in before)

    assert Compactor(lake.root, lake.root / SCRATCH, 1, 0, 0, lambda: False).round(daily=True, patient=False)
    path = DataFile.listed.get(dataset=dataset).path
    ((kept,),) = lake.engine.rows("SELECT count(cid) FROM read_parquet($1)", [[str(lake.root / path)]])
    assert kept == 0
    assert reader.find(search).hits == before
