"""The text indexes follow the compacted posts."""

import resource
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from lake.catalog.listing import listed_posts
from lake.compact import index_plan, index_upkeep
from lake.compact.compactor import Compactor
from lake.errors import LakeUnusable
from lake.models import DataFile, IndexFile, Retention, Tombstone
from lake.query.index_terms import index_terms
from lake.query.parser import parse
from lake.query.spec import Search
from lake.scan.snapshot import pin_snapshot
from lake.search.reader import Reader
from lake.storage import layout
from lake.storage.duckdb_engine import Engine
from lake.storage.layout import HOUR
from lake.textindex import builder
from lake.textindex.lookup import TextIndex
from tests.builders import NOON_US, delete, post

HOUR_US = 3_600_000_000
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def compactor(lake_root):
    return Compactor(lake_root, lake_root / layout.SCRATCH, 1, 0, 0, lambda: False)


@pytest.fixture
def today(monkeypatch):
    """Lets no day be over."""
    monkeypatch.setattr(index_plan, "DAY_OVER", timedelta(days=10_000))


def fill(lake):
    for number in range(3):
        lake.flush(post(f"tale number {number}", rkey=f"a{number}", time_us=NOON_US + number * HOUR_US))
        lake.flush(post(f"other tale {number}", rkey=f"b{number}", time_us=NOON_US + number * HOUR_US + 1))


def found(lake, words):
    """Row numbers by the path of the file that they are in, as the indexes say."""
    rows = {}
    for listed_index in IndexFile.listed.all():
        with closing(TextIndex(lake.root / listed_index.path)) as opened:
            numbers = opened.candidates(index_terms(parse(words))).tolist()
        first = 0
        for path in listed_index.files:
            count = DataFile.listed.get(path=path).rows
            rows[path] = [number - first for number in numbers if first <= number < first + count]
            first += count
    return rows


def names():
    return sorted(IndexFile.objects.values_list("path", flat=True))


def test_a_compacted_hour_has_an_index_and_a_day_that_is_over_one(lake, compactor, today, monkeypatch):
    fill(lake)
    compactor.round(patient=False)
    assert [row.files for row in IndexFile.objects.order_by("start")] == [
        [file.path] for file in DataFile.objects.order_by("hour")
    ]
    hours, by_hours = names(), found(lake, "other")
    monkeypatch.setattr(index_plan, "DAY_OVER", timedelta(0))
    monkeypatch.setattr(builder, "build", None)  # merged, not built
    compactor.round(daily=True, patient=False)
    (day,) = IndexFile.objects.all()
    assert (day.start, day.end, day.rows) == (NOON, NOON + 3 * HOUR, 6)
    assert found(lake, "other") == by_hours == {path: [1] for path in day.files}
    assert not any((lake.root / path).exists() for path in hours)


@pytest.mark.parametrize("over", [timedelta(0), timedelta(days=10_000)], ids=["day", "hours"])
def test_what_is_purged_leaves_the_index_too(lake, compactor, monkeypatch, over):
    monkeypatch.setattr(index_plan, "DAY_OVER", over)
    fill(lake)
    compactor.round(patient=False)
    before = names()
    monkeypatch.setattr(builder, "build", None)  # the row numbers stay: nothing is read again
    lake.flush(delete("b1", time_us=NOON_US + 9 * HOUR_US))
    compactor.round(daily=True, patient=False)
    assert sorted(found(lake, "other").values()) == [[], [1], [1]]
    assert sorted(found(lake, "tale").values()) == [[0], [0, 1], [0, 1]]
    assert set(before) != set(names())
    assert not [path for path in before if path not in names() and (lake.root / path).exists()]


def test_a_late_file_makes_its_hour_anew(lake, compactor, today):
    fill(lake)
    compactor.round(patient=False)
    lake.flush(post("other, too", time_us=NOON_US - 1 + HOUR_US))
    compactor.round(daily=True, patient=False)
    assert sorted(found(lake, "other").values()) == [[1], [1], [1, 2]]


def test_a_clock_that_stands_still_or_steps_back_gives_each_index_a_name_of_its_own(
    lake, compactor, today, monkeypatch
):
    monkeypatch.setattr(index_upkeep, "now_us", lambda: NOON_US)
    fill(lake)
    compactor.round(patient=False)
    before = set(IndexFile.listed.values_list("path", flat=True))
    lake.flush(post("other, too", time_us=NOON_US - 1 + HOUR_US))
    compactor.round(daily=True, patient=False)
    assert len(before ^ set(IndexFile.listed.values_list("path", flat=True))) == 2
    assert sorted(found(lake, "other").values()) == [[1], [1], [1, 2]]


def test_one_that_is_missing_damaged_or_of_another_version_is_made_anew(lake, compactor, today):
    fill(lake)
    compactor.round(patient=False)
    first, second, third = IndexFile.objects.order_by("start")
    first.delete()
    second.path = second.path.replace(index_upkeep.VERSION_MARK, "-v0~")
    second.save()
    compactor.round(daily=True, patient=False)
    assert sorted(found(lake, "other").values()) == [[1], [1], [1]]
    assert third.path in names()
    assert second.path not in names()
    (lake.root / third.path).write_bytes(b"damaged")
    lake.flush(delete("b2", time_us=NOON_US + 9 * HOUR_US))
    compactor.round(daily=True, patient=False)
    assert sorted(found(lake, "other").values()) == [[], [1], [1]]


def test_a_disk_that_refuses_the_index_is_one_sentence(lake, compactor, today):
    """The posts are committed; the next pass makes the index."""
    fill(lake)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    indexer = index_upkeep.Indexer(lake.root, lake.engine)
    compactor.round(patient=False)
    IndexFile.objects.all().delete()
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(LakeUnusable, match=f"{lake.root} can't be written .File too large"):
            indexer.update(listed_posts(), NOON)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert names() == []
    assert indexer.update(listed_posts(), NOON) == 3


def test_hours_that_expire_take_their_indexes_along(lake, compactor):
    fill(lake)
    compactor.round(patient=False)
    Retention.objects.create(dataset="posts", days=1, announced=1)
    compactor.round(daily=True, patient=False)
    assert names() == []
    assert not list((lake.root / index_upkeep.FOLDER).iterdir())


def test_searches_answer_the_same_with_and_without(lake, compactor):
    fill(lake)
    compactor.round(patient=False)
    lake.flush(delete("a0"), post("another tale"))

    def answers():
        page = Reader(Engine("200MB", 1), lake.root).find(Search(parse("tale other")))
        return [hit.uri for hit in page.hits]

    with_index = answers()
    assert len(with_index) == 4
    IndexFile.objects.all().delete()
    assert answers() == with_index


def test_an_hour_that_is_not_over_has_indexes_of_its_flushed_files(lake, compactor, today, monkeypatch):
    monkeypatch.setattr(index_plan, "PART_ROWS", 4)
    for number in range(5):
        lake.flush(post(f"tale number {number}", rkey=f"a{number}"), post(f"other tale {number}", rkey=f"b{number}"))
    far = Compactor(lake.root, lake.root / layout.SCRATCH, 1, 1e9, 0, lambda: False)
    assert far.round() == 0
    files = list(DataFile.listed.order_by("path").values_list("path", flat=True))
    assert sorted(row.files for row in IndexFile.listed.all()) == [files[:2], files[2:4]]
    assert found(lake, "other") == {path: [1] for path in files[:4]}
    before = names()
    far.round()
    assert names() == before
    compactor.round(patient=False)
    assert [row.files for row in IndexFile.listed.all()] == [[DataFile.listed.get().path]]
    assert not [path for path in before if (lake.root / path).exists()]


def test_an_older_version_stays_hidden_when_its_tombstone_is_gone(lake, compactor, today, monkeypatch):
    """Its state is in the file only: what the index stored of the row before is not believed."""
    monkeypatch.setattr("lake.scan.paged_scan.FIRST_ROWS", 1)
    monkeypatch.setattr("lake.scan.index_pruning.STORED_COST", 0)
    monkeypatch.setattr("lake.scan.index_pruning.USELESS", 1.0)
    fill(lake)
    compactor.round(patient=False)
    lake.flush(post("other version", "update", rkey="b0", rev="3zzzzzzzzzzzz", time_us=NOON_US + 5 * HOUR_US))
    compactor.round(daily=True, patient=False)
    Tombstone.objects.all().delete()
    reader = Reader(Engine("200MB", 1), lake.root)
    search = pin_snapshot(Search(parse("other")))
    assert search.snapshot_us == NOON_US + 5 * HOUR_US, "the moment of the newer version itself"
    for asked in (search, Search(parse("other"))):
        texts = [hit.fields["text"] for hit in reader.find(asked).hits]
        assert texts == ["other version", "other tale 2", "other tale 1"]
        assert reader.full_scan.count(asked, 60) == (3, "eq")


def test_stored_rows_and_rows_of_files_make_one_page(lake, compactor, today, monkeypatch):
    """One file has a superseded row, which no index stores; the others have none. All are read at once."""
    monkeypatch.setattr("lake.scan.index_pruning.STORED_COST", 0)
    monkeypatch.setattr("lake.scan.index_pruning.USELESS", 1.0)
    fill(lake)
    compactor.round(patient=False)
    lake.flush(post("newer", "update", rkey="b1", rev="3zzzzzzzzzzzz", time_us=NOON_US + HOUR_US + 2))
    compactor.round(daily=True, patient=False)
    reader = Reader(Engine("200MB", 1), lake.root)
    for query in ("tale", "tale lang:en"):
        texts = [hit.fields["text"] for hit in reader.find(Search(parse(query))).hits]
        assert texts == ["other tale 2", "tale number 2", "tale number 1", "other tale 0", "tale number 0"]


def test_who_sees_what_is_deleted_sees_it_with_and_without(lake, compactor, monkeypatch):
    """Without purging its text is still in the file, though in no index."""
    monkeypatch.setattr("lake.scan.paged_scan.FIRST_ROWS", 1)
    monkeypatch.setattr("lake.scan.index_pruning.USELESS", 1.0)
    monkeypatch.setattr("lake.scan.index_pruning.STORED_COST", 0)
    fill(lake)
    lake.flush(delete("b1", time_us=NOON_US + 9 * HOUR_US))
    compactor.round(patient=False, purge=False)
    assert sorted(found(lake, "other").values()) == [[], [1], [1]]
    reader = Reader(Engine("200MB", 1), lake.root)
    assert len(reader.find(Search(parse("other"), hide=False)).hits) == 3
    assert len(reader.find(Search(parse("other"))).hits) == 2
