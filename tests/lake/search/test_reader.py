"""Pages and exports over real files."""

import threading
from datetime import datetime, timedelta

import pytest

from lake.catalog.listing import files_of
from lake.errors import LakeUnusable, QueryTimeout
from lake.models import DataFile, Tombstone
from lake.query.parser import parse
from lake.query.spec import Search
from lake.scan import paged_scan
from lake.scan.snapshot import pin_snapshot
from lake.search import reader as reader_module
from lake.search.reader import Reader
from lake.storage.duckdb_engine import Engine
from process.instants import utc
from tests.builders import ALICE, BOB, NOON_US, account, delete, post

HOUR_US = 3_600_000_000
PATIENCE = 60.0


@pytest.fixture
def reader(lake_root):
    return Reader(Engine("500MB", 2, fence=lake_root), lake_root)


def asked(text="", **fields):
    return Search(parse(text), **{"timeout": PATIENCE, **fields})


def find(reader, text="", limit=50, offset=0, **fields):
    return reader.find(asked(text, **fields), limit, offset)


def total(reader, text="", seconds=PATIENCE, **fields):
    return reader.full_scan.count(asked(text, **fields), seconds)


def texts(page):
    return [hit.fields["text"] for hit in page.hits]


def walked(reader, text="", limit=3, **fields):
    """The texts of all pages, each from where the one before says that it begins."""
    search, start, found = pin_snapshot(asked(text, **fields)), None, []
    while True:
        page = reader.find(search, limit, start=start)
        found += texts(page)
        assert len(page.hits) <= limit
        if page.next is None:
            return found
        start = page.next


def hours(lake, count, each=3):
    """One file for each hour: posts `h<hour> p<number>`, the last of all is the newest."""
    for hour in range(count):
        at = NOON_US + hour * HOUR_US
        lake.flush(*(post(f"h{hour} p{number}", time_us=at + number) for number in range(each)))


def test_an_empty_lake_has_no_hits_and_says_that_these_are_all(lake, reader):
    page = find(reader, "lake")
    assert (page.hits, page.total, page.next, page.complete, page.hidden) == ([], 0, None, True, 0)
    assert total(reader) == (0, "eq")
    assert walked(reader) == []
    reader.probe(5)


def test_all_words_must_occur_anywhere_in_any_case_and_signs_are_plain(lake, reader):
    lake.flush(post("Blue LAKES 100%_sure"), post("blue sky"), post("ΛΊΜΝΗ 東京の湖"), post(text=5))
    assert texts(find(reader, "LAKE blu")) == ["Blue LAKES 100%_sure"]
    assert texts(find(reader, "0%_s")) == ["Blue LAKES 100%_sure"]
    assert texts(find(reader, "%")) == ["Blue LAKES 100%_sure"]
    assert texts(find(reader, "b_ue")) == []
    assert texts(find(reader, "λίμνη 京の")) == ["ΛΊΜΝΗ 東京の湖"]
    assert texts(find(reader))[0] is None


def test_hits_carry_both_clocks_to_the_microsecond(lake, reader):
    lake.flush(
        post("a", time_us=NOON_US + 1, createdAt="2026-07-01T13:59:59.123456+02:00"),
        post("b", time_us=NOON_US + 2, createdAt="yesterday"),
        post("c", time_us=NOON_US + 3, createdAt="0001-01-01T00:00:00Z"),
        post("d", time_us=NOON_US + 4, createdAt="9999-12-31T23:59:59.999999Z"),
    )
    hits = find(reader).hits
    assert [hit.seen_at[-7:] for hit in hits] == ["000004Z", "000003Z", "000002Z", "000001Z"]
    assert [hit.timestamp for hit in hits] == [
        "9999-12-31T23:59:59.999999Z",
        "0001-01-01T00:00:00.000000Z",
        None,
        "2026-07-01T11:59:59.123456Z",
    ]


def test_start_is_included_and_end_is_not(lake, reader):
    lake.flush(*(post(str(n), time_us=NOON_US + n) for n in range(5)))
    between = {"start": utc(NOON_US + 1), "end": utc(NOON_US + 3)}
    assert texts(find(reader, **between)) == ["2", "1"]
    assert walked(reader, **between) == ["2", "1"]
    assert total(reader, **between) == (2, "eq")
    ages = {"start": datetime.min.replace(tzinfo=utc(0).tzinfo), "end": datetime.max.replace(tzinfo=utc(0).tzinfo)}
    assert len(texts(find(reader, **ages))) == 5


def test_hits_of_one_microsecond_are_ordered_by_did_and_rkey_and_each_is_on_one_page(lake, reader):
    lake.flush(
        *(post(f"{did[-1]}{k}", did=did, rkey=f"k{k}", time_us=NOON_US) for did in (ALICE, BOB) for k in range(5))
    )
    expected = [f"{did[-1]}{k}" for did in (BOB, ALICE) for k in (4, 3, 2, 1, 0)]
    assert texts(find(reader)) == expected
    pages = [texts(find(reader, offset=offset, limit=3)) for offset in range(0, 12, 3)]
    assert [text for page in pages for text in page] == expected


def test_a_walk_goes_on_within_one_microsecond(lake, reader):
    lake.flush(*(post(str(k), rkey=f"k{k}", time_us=NOON_US) for k in range(10)))
    assert walked(reader) == [str(k) for k in reversed(range(10))]


def test_the_first_moment_of_a_search_is_reached_by_a_slice_of_its_own(lake, reader, monkeypatch):
    monkeypatch.setattr(paged_scan, "FIRST_ROWS", 1)
    hours(lake, 3, each=1)
    assert texts(find(reader, start=utc(NOON_US))) == ["h2 p0", "h1 p0", "h0 p0"]


def test_files_that_overlap_are_merged_in_order(lake, reader, monkeypatch):
    monkeypatch.setattr(paged_scan, "FIRST_ROWS", 3)
    for start in range(3):
        lake.flush(*(post(str(n), time_us=NOON_US + n * 1_000_000) for n in range(start, 30, 3)))
    expected = [str(n) for n in reversed(range(30))]
    assert walked(reader) == expected
    pages = [texts(find(reader, offset=offset, limit=7)) for offset in range(0, 30, 7)]
    assert [text for page in pages for text in page] == expected


def test_a_file_of_the_same_hour_that_comes_late_is_found(lake, reader):
    hours(lake, 2)
    lake.flush(post("late", time_us=NOON_US + 1_000_000))
    assert texts(find(reader)) == ["h1 p2", "h1 p1", "h1 p0", "late", "h0 p2", "h0 p1", "h0 p0"]


# --- what must not show ---------------------------------------------------------------------------------------


def test_a_deleted_post_is_gone_in_whatever_order_both_come(lake, reader):
    first = post("gone", rkey="k1", time_us=NOON_US)
    lake.flush(first, post("stays"))
    lake.flush(delete("k1", time_us=NOON_US + 5))
    lake.flush(delete("k2", time_us=NOON_US + 5))
    lake.flush(post("gone too", rkey="k2", time_us=NOON_US))
    assert texts(find(reader)) == walked(reader) == ["stays"]
    assert (find(reader).total, find(reader).hidden) == (1, 2)
    assert total(reader) == (1, "eq")


def test_a_post_that_was_deleted_and_made_again_shows_its_new_version(lake, reader):
    lake.flush(post("old", rkey="k", time_us=NOON_US))
    lake.flush(delete("k", time_us=NOON_US + 1), post("new", rkey="k", time_us=NOON_US + 2))
    assert texts(find(reader)) == walked(reader) == ["new"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("together", [True, False])
def test_of_an_updated_post_only_the_newest_version_shows(lake, reader, order, together):
    versions = [
        post("before", rkey="k", time_us=NOON_US),
        post("after", "update", rkey="k", time_us=NOON_US + 1_000_000),
    ]
    frames = [versions[n] for n in order]
    for batch in [frames] if together else [[frame] for frame in frames]:
        lake.flush(*batch)
    assert texts(find(reader)) == walked(reader) == ["after"]
    assert find(reader, "before").hits == []
    assert total(reader) == (1, "eq")


def test_posts_of_a_deactivated_account_show_again_when_it_is_reactivated(lake, reader):
    lake.flush(post("hers", did=BOB), post("mine"))
    lake.flush(account(False, "deactivated", did=BOB, seq=2, time="2026-07-02T00:00:00.000Z"))
    lake.flush(post("hers, later", did=BOB))
    assert texts(find(reader)) == walked(reader) == ["mine"]
    lake.flush(account(True, did=BOB, seq=3, time="2026-07-03T00:00:00.000Z"))
    lake.flush(account(False, "deactivated", did=BOB, seq=1, time="2026-07-01T00:00:00.000Z"))
    assert texts(find(reader)) == ["hers, later", "mine", "hers"]


def test_hidden_posts_never_shorten_a_page(lake, reader):
    lake.flush(*(post(str(n), rkey=f"k{n}", time_us=NOON_US + n * 1000) for n in range(60)))
    lake.flush(*(delete(f"k{n}", time_us=NOON_US + 100_000_000) for n in range(15, 60)))
    assert texts(find(reader, limit=5)) == ["14", "13", "12", "11", "10"]
    assert texts(find(reader, limit=5, offset=10)) == ["4", "3", "2", "1", "0"]
    assert walked(reader) == [str(n) for n in reversed(range(15))]
    page = find(reader, limit=5)
    assert page.hidden == 45
    assert total(reader) == (15, "eq")


# --- how much is read -----------------------------------------------------------------------------------------


def test_the_newest_page_of_a_common_word_reads_only_the_newest_file(lake, reader, lake_root, monkeypatch):
    monkeypatch.setattr(paged_scan, "FIRST_ROWS", 10)
    hours(lake, 5, each=20)
    newest = files_of("posts").order_by("-max_seen").first()
    for path in files_of("posts").exclude(pk=newest.pk).values_list("path", flat=True):
        (lake_root / path).unlink()  # whoever opens one now fails
    page = find(reader, "p", limit=5)
    assert texts(page) == [f"h4 p{number}" for number in (19, 18, 17, 16, 15)]
    assert page.total is None
    assert page.next is not None


def test_only_files_of_the_time_range_are_read(lake, reader, lake_root):
    hours(lake, 3)
    for file in files_of("posts"):
        if file.hour != utc(NOON_US + HOUR_US):
            (lake_root / file.path).unlink()
    page = find(reader, start=utc(NOON_US + HOUR_US), end=utc(NOON_US + 2 * HOUR_US))
    assert texts(page) == ["h1 p2", "h1 p1", "h1 p0"]
    assert total(reader, start=utc(NOON_US + HOUR_US), end=utc(NOON_US + 2 * HOUR_US)) == (3, "eq")


def test_a_rare_word_is_found_in_the_oldest_file_with_few_queries(lake, reader, monkeypatch):
    monkeypatch.setattr(paged_scan, "FIRST_ROWS", 2)
    hours(lake, 5)
    queries = []
    rows = Engine.rows
    monkeypatch.setattr(Engine, "rows", lambda *args: queries.append(args) or rows(*args))
    page = find(reader, "h0", limit=10)
    assert texts(page) == ["h0 p2", "h0 p1", "h0 p0"]
    assert (page.total, page.next, page.complete) == (3, None, True)
    assert len(queries) < 5


# --- when something fails -------------------------------------------------------------------------------------


def slow_after(monkeypatch, queries):
    """After so many queries the engine reaches every time limit."""
    rows, done = Engine.rows, []

    def limited(self, sql, values=(), seconds=0):
        done.append(sql)
        if len(done) > queries:
            return rows(self, "SELECT count(*) FROM range(1_000_000_000_000)", (), 0.01)
        return rows(self, sql, values, seconds)

    monkeypatch.setattr(Engine, "rows", limited)


def test_a_search_that_reaches_its_time_limit_answers_what_it_has_and_says_how_far_it_came(lake, reader, monkeypatch):
    monkeypatch.setattr(paged_scan, "FIRST_ROWS", 2)
    hours(lake, 4)
    slow_after(monkeypatch, 1)
    page = find(reader)
    assert not page.complete
    assert 0 < len(page.hits) < 12
    assert texts(page) == texts_until(page)
    assert page.searched_to < page.hits[-1].seen_at


def test_a_page_that_was_cut_short_is_read_again(lake, reader, monkeypatch):
    monkeypatch.setattr(paged_scan, "FIRST_ROWS", 2)
    hours(lake, 4)
    with monkeypatch.context() as slow:
        slow_after(slow, 1)
        assert not find(reader).complete
    page = find(reader)
    assert (page.complete, len(page.hits)) == (True, 12)


def texts_until(page):
    """What a whole search would say down to searched_to."""
    every = [(f"h{hour} p{p}", NOON_US + hour * HOUR_US + p) for hour in range(4) for p in range(3)]
    limit = datetime.fromisoformat(page.searched_to)
    return [text for text, us in reversed(every) if utc(us) > limit]


def test_a_search_that_has_nothing_at_its_time_limit_fails(lake, reader, monkeypatch):
    hours(lake, 1)
    slow_after(monkeypatch, 0)
    with pytest.raises(QueryTimeout):
        find(reader)


def test_a_search_without_any_time_fails(lake, reader):
    hours(lake, 1)
    with pytest.raises(QueryTimeout):
        find(reader, timeout=0.0)


def test_a_listed_file_that_is_missing_fails_loudly(lake, reader, lake_root):
    hours(lake, 1)
    (path,) = lake_root.rglob("*.parquet")
    path.unlink()
    with pytest.raises(LakeUnusable, match=path.name):
        find(reader)
    with pytest.raises(LakeUnusable):
        walked(reader)
    with pytest.raises(LakeUnusable):
        reader.probe(5)


@pytest.mark.parametrize("damage", [b"", b"x" * 500, None])
def test_a_listed_file_that_is_damaged_fails(lake, reader, lake_root, damage):
    hours(lake, 1)
    (path,) = lake_root.rglob("*.parquet")
    path.write_bytes(path.read_bytes()[:-40] + b"\xff" * 20 + b"PAR1" if damage is None else damage)
    with pytest.raises(LakeUnusable):
        find(reader)


def swap(lake_root, file):
    """What a compaction does: the same rows under another name; the old file moves away."""
    new = file.path.replace("/f-", "/c-")
    (lake_root / new).write_bytes((lake_root / file.path).read_bytes())
    (lake_root / file.path).unlink()
    old = DataFile.objects.get(pk=file.pk)
    DataFile.objects.filter(pk=old.pk).update(superseded_at=utc(NOON_US))
    old.pk, old.path = None, new
    old.save()


def test_a_walk_goes_on_when_its_files_are_replaced_meanwhile(lake, reader, lake_root, monkeypatch):
    monkeypatch.setattr(paged_scan, "FIRST_ROWS", 2)
    hours(lake, 3)
    walk = iter(reader._scan(asked(), 3, lambda: PATIENCE, None))
    first = next(walk)
    for file in list(files_of("posts")):
        swap(lake_root, file)
    rest = [found for piece in walk for found in piece.rows]
    texts_of = [hit.fields["text"] for hit, _ in [*first.rows, *rest]]
    assert texts_of == [f"h{h} p{p}" for h in (2, 1, 0) for p in (2, 1, 0)]


def test_a_search_outlives_several_compactions_one_after_the_other(lake, reader, lake_root, monkeypatch):
    hours(lake, 5)
    left, candidates = list(files_of("posts")), reader_module.Candidates.read

    def compact_then_read(*args):
        if left:
            swap(lake_root, left.pop())
        return candidates(*args)

    monkeypatch.setattr(reader_module.Candidates, "read", compact_then_read)
    assert texts(find(reader)) == [f"h{h} p{p}" for h in (4, 3, 2, 1, 0) for p in (2, 1, 0)]
    assert not left


def test_a_deleted_post_does_not_show_when_its_tombstone_goes_while_its_old_file_is_read(
    lake, reader, lake_root, monkeypatch
):
    """Compaction takes the row out of the new file and the tombstone out of the catalog, in one transaction."""
    lake.flush(post("gone", rkey="k", time_us=NOON_US))
    lake.flush(post("stays", time_us=NOON_US + 1000))
    lake.flush(delete("k", time_us=NOON_US + 1))
    candidates = reader_module.Candidates.read

    def read_then_compact(*args):
        found = candidates(*args)
        Tombstone.objects.all().delete()
        files_of("posts").filter(max_seen=utc(NOON_US)).update(superseded_at=utc(NOON_US))
        return found

    monkeypatch.setattr(reader_module.Candidates, "read", read_then_compact)
    assert texts(find(reader)) == ["stays"]


def test_many_threads_search_at_once(lake, reader, transactional_db):
    hours(lake, 2, each=30)
    failures, found = [], []

    def run(number):
        from django.db import connection

        try:
            for offset in (0, 10):
                found.append(texts(find(reader, "p", limit=10, offset=offset)))
                found.append(walked(reader, "h1 p2")[:1])
        except Exception as error:  # noqa: BLE001
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timedelta(minutes=1).total_seconds())
    assert failures == []
    assert len(found) == 80
    assert found.count(["h1 p29"]) == 40


@pytest.mark.parametrize("newest", [True, False])
def test_between_a_moment_and_itself_there_is_nothing(lake, reader, newest):
    lake.flush(*(post(f"lake {n}", time_us=NOON_US + n) for n in range(-1, 2)))
    empty = {"start": utc(NOON_US), "end": utc(NOON_US), "newest": newest}
    assert texts(find(reader, "lake", **empty)) == []
    assert total(reader, "lake", **empty) == (0, "eq")
