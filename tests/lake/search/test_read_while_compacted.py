"""Whatever is asked, it is answered as if nothing else went on while compaction replaces the files that are read."""

import pytest

from lake.catalog import listing
from lake.errors import QueryTooLarge, Superseded
from lake.models import DataFile, Tombstone
from lake.query.spec import Search
from lake.scan import tombstone_cache
from lake.scan.scanner import Scanner
from lake.scan.snapshot import pin_snapshot
from lake.scan.tombstone_cache import TombstoneCache
from lake.search import by_uri
from lake.search.candidates import Candidates
from lake.search.reader import Reader
from lake.search.sample import draw
from lake.storage.duckdb_engine import Engine
from tests.builders import ALICE, BOB, NOON_US, commit, delete, post
from tests.lake.compact.compacting import HOUR, make
from tests.lake.export.test_stream import exported

HOURS = range(3)
LIKE = "app.bsky.feed.like"
SHOWN = sorted(f"{name}{hour}" for hour in HOURS for name in ("new", "old"))


def both(name, hour):
    """A post and a like with this key."""
    at, rkey = NOON_US + hour * HOUR, f"{name}{hour}"
    record = {"$type": LIKE, "subject": {"uri": f"at://{BOB}/x/{hour}"}}
    return post(rkey, rkey=rkey, time_us=at), commit(LIKE, record, rkey=rkey, time_us=at)


@pytest.fixture
def reader(lake, lake_root):
    """Of hours of two files, with deletes of one post and one like of each that no file shows yet."""
    lake.flush(*(frame for hour in HOURS for name in ("old", "gone") for frame in both(name, hour)))
    deletes = [delete(f"gone{hour}", *of, time_us=NOON_US + hour * HOUR + 9) for hour in HOURS for of in ((), (LIKE,))]
    lake.flush(*(frame for hour in HOURS for frame in both("new", hour)), *deletes)
    return Reader(Engine("500MB", 2, fence=lake_root), lake_root)


def page(reader, search):
    return sorted(hit.key.rkey for hit in reader.find(search).hits)


def count(reader, search):
    return reader.full_scan.count(search, 60)


def sample(reader, search):
    return sorted(hit.key.rkey for hit in draw(reader.full_scan, search, 50, "seed"))


def grouped(reader, search):
    return reader.full_scan.grouped(search, "did", 60)


def export(reader, search):
    return sorted(row["id"].rpartition("/")[2] for row in exported(reader, columns=("id",), dataset=search.dataset))


def look_up(reader, search):
    asked = [f"at://{ALICE}/app.bsky.feed.post/{name}{hour}" for name in ("old", "gone") for hour in HOURS]
    found = by_uri.look_up(reader.scanner, asked, 60)
    return len(found.hits), len(found.deleted), found.complete


POSTS, LIKES = Search(timeout=60), Search(timeout=60, dataset="likes")


QUESTIONS = [
    (page, POSTS, SHOWN),
    (page, LIKES, SHOWN),
    (count, POSTS, (len(SHOWN), "eq")),
    (count, LIKES, (len(SHOWN), "eq")),
    (sample, POSTS, SHOWN),
    (grouped, POSTS, {ALICE: len(SHOWN)}),
    (look_up, POSTS, (len(HOURS), len(HOURS), True)),
]
WHEN = [("before", 1), ("after", 1), ("before", 2)]  # and which read; a page is one


@pytest.mark.parametrize(
    ("ask", "search", "answer", "when", "read"),
    [
        pytest.param(*one, *when, marks=pytest.mark.slow if place % 3 else ())  # each question at one moment
        for number, one in enumerate(QUESTIONS)
        for place, when in enumerate(WHEN, number)
        if (one[0], when[1]) != (page, 2)
    ],
)
def test_each_row_is_read_once_and_no_deleted_one(reader, lake_root, monkeypatch, ask, search, answer, read, when):
    reads = []

    def compact():
        make(lake_root).round(daily=True, patient=False)
        Tombstone.objects.all().delete()  # which it does some days later

    def compacting(self, *arguments, rows=Scanner.rows):
        reads.append(arguments)
        if len(reads) == read and when == "before":
            compact()
        found = rows(self, *arguments)
        if len(reads) == read and when == "after":
            compact()
        return found

    monkeypatch.setattr(Scanner, "rows", compacting)
    assert ask(reader, search) == answer
    assert not DataFile.listed.filter(path__contains="/f-").exists()


@pytest.mark.parametrize(
    ("ask", "search", "answer"),
    [(export, LIKES, SHOWN), *(one for one in QUESTIONS if one[1] is LIKES or one[0] is look_up)],
)
def test_files_of_deletes_may_be_replaced_before_they_are_read(reader, lake_root, monkeypatch, ask, search, answer):
    since, calls = listing.paths_since, []

    def replaced(dataset, start):
        paths = since(dataset, start)
        calls.append(dataset)
        if len(calls) == 1:
            for file in listing.files_of("deletes"):
                new = file.path.replace("/f-", "/c-")
                (lake_root / file.path).rename(lake_root / new)
                listing.files_of("deletes").filter(pk=file.pk).update(path=new)
        return paths

    monkeypatch.setattr(listing, "paths_since", replaced)
    assert ask(reader, search) == answer
    assert len(calls) > 1


def test_where_files_are_replaced_all_the_time_fewer_are_read_at_once(reader, monkeypatch):
    search = Search(timeout=60)
    expected = [hit.uri for hit in reader.find(search, 200).hits]
    read, at_once = Candidates.read, []

    def replaced_while_many_are_read(candidates, scan, size, seconds):
        at_once.append(len(scan.files))
        if len(scan.files) > 2:  # those of one hour
            raise Superseded
        return read(candidates, scan, size, seconds)

    monkeypatch.setattr(Candidates, "read", replaced_while_many_are_read)
    assert [hit.uri for hit in reader.find(search, 201).hits] == expected
    assert max(at_once) > 2


def test_what_comes_meanwhile_is_not_half_seen(reader, lake, monkeypatch):
    """A post and its delete, after the files are listed and while the tombstones are copied."""
    refresh, late = TombstoneCache.refresh, [post("late", rkey="late"), delete("late")]

    def late_refresh(self):
        refresh(self)
        lake.flush(*late)
        late.clear()

    monkeypatch.setattr(TombstoneCache, "refresh", late_refresh)
    assert grouped(reader, pin_snapshot(POSTS)) == {ALICE: len(SHOWN)}


def test_tombstones_are_copied_anew_beside_those_that_others_read(reader, monkeypatch):
    assert count(reader, POSTS) == (len(SHOWN), "eq")
    monkeypatch.setattr(tombstone_cache, "SPARE_ROWS", -100)
    reader.tombstones._last = 0  # as if one had come
    run, seen = Engine.run, []

    def count_beside(self, sql, **tables):
        seen.append(self.rows("SELECT count(*) FROM tombstone"))
        run(self, sql, **tables)

    monkeypatch.setattr(Engine, "run", count_beside)
    assert count(reader, POSTS) == (len(SHOWN), "eq")
    assert len(seen) >= 3
    assert {rows for ((rows,),) in seen} == {Tombstone.objects.count()}


def test_a_copy_of_the_tombstones_that_fails_is_made_by_who_asks_next(reader, monkeypatch):
    run = Engine.run

    def fail(self, sql, **tables):
        if tables:
            raise QueryTooLarge
        run(self, sql, **tables)

    with monkeypatch.context() as failing:
        failing.setattr(Engine, "run", fail)
        assert count(reader, POSTS) == (0, "gte")
    assert count(reader, POSTS) == (len(SHOWN), "eq")
