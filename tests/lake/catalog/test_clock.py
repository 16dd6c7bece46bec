"""The lake's clock: what an answer stands for, and from when on late rows exist."""

from datetime import UTC, datetime, timedelta

import pytest

from lake.catalog import clock
from lake.errors import LakeUnusable
from lake.models import BatchRun, CatalogIdentity, DataFile
from lake.query.spec import Search
from lake.scan.snapshot import pin_snapshot
from lake.search.reader import Reader
from lake.storage.duckdb_engine import Engine
from process.instants import now_us
from process.locks import Locked, exclusive, lock_path
from tests.builders import NOON_US, post

SECOND_US = 1_000_000


@pytest.fixture
def reader(lake_root):
    return Reader(Engine("300MB", 1, fence=lake_root), lake_root)


def at(us, **fields):
    return post(rkey=f"k{us}", time_us=NOON_US + us, **fields)


def shown(reader, until):
    return sorted(hit.seen_us - NOON_US for hit in reader.find(Search(snapshot_us=until)).hits)


def test_a_new_lake_has_no_moment(db):
    assert clock.present_us() is None
    assert pin_snapshot(Search()) == Search()


def test_the_clock_goes_by_the_newest_event_and_by_one_where_all_come_late(lake):
    moments = []
    for us in (5, 9, 3, 4, 20):
        lake.flush(at(us))
        moments.append(clock.present_us() - NOON_US)
        assert clock.stored_us() == clock.present_us()
    assert moments == [5, 9, 10, 11, 20]


def test_a_late_row_exists_from_the_moment_after_the_answers_that_were_given(lake, reader):
    lake.flush(at(1), at(9))
    before = clock.present_us()
    lake.flush(at(5), at(9, did="did:plc:other"), at(12))
    rows = {row["seen"].microsecond: row["learned"] for row in lake.rows("posts") if row["learned"]}
    assert {us: learned.microsecond for us, learned in rows.items()} == {5: 10, 9: 10}
    assert shown(reader, before) == [1, 9]
    assert shown(reader, before + 1) == [1, 5, 9, 9]
    assert shown(reader, clock.present_us()) == [1, 5, 9, 9, 12]
    assert sorted(DataFile.objects.values_list("late_rows", flat=True)) == [0, 2]


def test_a_late_newer_version_leaves_the_older_one_to_earlier_answers(lake, reader):
    lake.flush(post("one", rkey="k", rev="3a", time_us=NOON_US))
    lake.flush(at(9))
    before = clock.present_us()
    lake.flush(post("two", "update", rkey="k", rev="3b", time_us=NOON_US + 5))
    texts = [[hit.rev for hit in reader.find(Search(snapshot_us=us)).hits][-1] for us in (before, before + 1)]
    assert texts == ["3a", "3b"]


def test_an_event_ahead_of_its_time_does_not_make_the_next_ones_late(lake):
    now = now_us()
    lake.flush(post(time_us=now - SECOND_US), post(time_us=now + 3000 * SECOND_US))
    lake.flush(post(time_us=now_us() + 60 * SECOND_US))
    assert [row["learned"] for row in lake.rows("posts")] == [None] * 3


def test_a_lake_that_waits_has_rows_of_the_time_that_has_come(lake):
    """Nothing was ingested for an hour: the moment goes on with the time, and what comes before it is late."""
    now = datetime.now(UTC)
    lake.flush(post(time_us=now_us() + 3000 * SECOND_US))
    BatchRun.objects.update(last_id=f"{(now - timedelta(hours=2)).timestamp() * 1000:.0f}-0")
    CatalogIdentity.objects.update(clock_us=0)
    moment = clock.present_us()
    assert abs(moment - (now_us() - 3600 * SECOND_US)) < 60 * SECOND_US
    with clock.turn() as turn:
        assert moment < turn.passed_us < moment + 3600 * SECOND_US


def test_one_writer_at_a_time_has_a_turn(lake):
    with clock.turn(), pytest.raises(Locked), exclusive(lock_path("clock")):
        pass


def test_a_turn_during_which_rows_came_from_elsewhere_is_refused(lake):
    lake.flush(at(1))
    with clock.turn() as turn:
        CatalogIdentity.objects.update(clock_us=turn.passed_us + 1)
        with pytest.raises(LakeUnusable, match="start again"):
            clock.advance(turn, None, None)


def test_a_catalog_of_an_older_release_has_the_moment_of_its_files(lake):
    lake.flush(at(5))
    CatalogIdentity.objects.update(clock_us=0)
    assert clock.present_us() == NOON_US + 5
    lake.flush(at(3))
    assert clock.present_us() == NOON_US + 6
