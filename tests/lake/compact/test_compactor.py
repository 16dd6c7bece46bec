"""Closed hours become one file each; what was deleted leaves the files."""

from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest

from lake.catalog import listing, read_guard
from lake.compact import compactor as compact_compactor
from lake.compact import index_upkeep
from lake.compact.compactor import Compactor
from lake.compact.rewrite_sql import sort_columns
from lake.errors import LakeUnusable
from lake.models import DataFile, InactiveAccount, IndexFile, Tombstone
from lake.schema import DATASETS
from lake.storage import derived_cids, disk, layout
from tests.builders import ALICE, BOB, NOON_US, account, commit, delete, identity, like, post

MINUTE = 60_000_000
HOUR = 60 * MINUTE
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def compactor(lake_root):
    return make(lake_root)


def make(root, after=0, grace=0, stop=lambda: False):
    return Compactor(root, root / layout.SCRATCH, 1, after, grace, stop)


def daily(compactor, purge=True):
    return compactor.round(daily=True, patient=False, purge=purge)


def names(root):
    """Of the data files on the disk."""
    return sorted(path.name for path in root.rglob("*.parquet") if layout.SCRATCH not in path.parts)


def texts(root):
    """All that Parquet files hold under the root, decompressed."""
    return "\n".join(str(pq.ParquetFile(path).read().to_pylist()) for path in root.rglob("*.parquet"))


def states(lake, dataset="posts"):
    return {row["rkey"]: row["state"] for row in lake.rows(dataset)}


def whole(dataset, row):
    """The row with the CID that compaction leaves out."""
    return {**row, "cid": derived_cids.cid(dataset, row)}


def fill(lake):
    for number in range(3):
        lake.flush(
            post(f"text {number}", rkey=f"p{number}"),
            like(f"at://x/y/{9 - number}"),
            commit("app.bsky.graph.follow", {"$type": "app.bsky.graph.follow", "subject": BOB}),
            commit(
                "app.bsky.actor.profile", {"$type": "app.bsky.actor.profile", "displayName": "a"}, rkey=f"s{number}"
            ),
            commit("com.example.thing", {"$type": "com.example.thing", "n": number}),
            delete(f"gone{number}", "app.bsky.feed.like"),
            account(True, seq=number),
            identity("alice.example", seq=10 + number),
        )


def test_a_closed_hour_becomes_one_file_of_each_dataset(lake, compactor):
    fill(lake)
    before = {name: lake.rows(name) for name in DATASETS}
    assert compactor.round(patient=False) == 7
    assert {name: [whole(name, row) for row in lake.rows(name)] for name in DATASETS} == before
    listed = DataFile.objects.all()
    assert sorted(file.dataset for file in listed) == sorted(name for name, rows in before.items() if rows)
    assert all(file.path.rpartition("/")[2].startswith("c-") and file.batch is None for file in listed)
    assert set(names(lake.root)) == {file.path.rpartition("/")[2] for file in listed}
    assert compactor.round(patient=False) == daily(compactor) == 0


def test_the_catalog_says_of_a_compacted_file_what_it_holds(lake, compactor):
    lake.flush(post("a", time_us=NOON_US), post("far", time_us=2**60))
    lake.flush(post("b", time_us=NOON_US + 5))
    arrived = DataFile.objects.get(rows_by_arrival=1)
    lake.flush(post("late", time_us=NOON_US + 7))
    compactor.round(patient=False)
    file = DataFile.objects.get(hour=NOON)
    assert (file.rows, file.min_seen, file.max_seen) == (3, NOON, NOON + timedelta(microseconds=7))
    assert file.min_created == file.max_created == datetime(2026, 7, 1, 11, 59, 59, 123000, UTC)
    assert (file.bytes, file.sha256) == ((lake.root / file.path).stat().st_size, disk.sha256(lake.root / file.path))
    assert DataFile.objects.get(hour=arrived.hour).rows_by_arrival == 1


def test_rows_are_in_the_order_in_which_they_are_looked_up(lake, compactor):
    fill(lake)
    compactor.round(patient=False)
    for dataset in DATASETS.values():
        columns = sort_columns(dataset)
        for path in listing.files_of(dataset.name).values_list("path", flat=True):
            rows = pq.ParquetFile(lake.root / path).read(list(columns)).to_pylist()
            keys = [[str(row[name]) for name in columns] for row in rows]
            assert keys == sorted(keys), dataset.name
    assert sort_columns(DATASETS["likes"])[:2] == ("subject_uri", "seen")
    assert sort_columns(DATASETS["posts"])[:2] == ("seen", "did")
    assert sort_columns(DATASETS["deletes"])[:3] == ("collection", "rkey", "did")


def test_a_compacted_file_has_small_groups_statistics_page_indexes_and_bloom_filters(lake, compactor):
    lake.flush(*(post(f"text {number}") for number in range(8_300)))
    compactor.round(patient=False)
    metadata = pq.ParquetFile(lake.root / DataFile.objects.get().path).metadata
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [2048, 2048, 2048, 2048, 108]
    columns = {metadata.schema.column(n).path: n for n in range(metadata.num_columns)}
    for name in ("seen", "did", "rkey"):
        column = metadata.row_group(0).column(columns[name])
        assert column.has_offset_index
        assert column.has_column_index
        assert column.statistics.has_min_max
    assert not metadata.row_group(0).column(columns["text"]).is_stats_set
    sql = (
        "SELECT count(*) FROM parquet_metadata($1) WHERE path_in_schema IN ('did', 'rkey') AND bloom_filter_offset > 0"
    )
    assert lake.engine.rows(sql, [str(lake.root / DataFile.objects.get().path)]) == [(10,)]


def test_an_hour_that_is_not_over_or_that_the_flusher_has_not_passed_waits(lake, lake_root):
    now_us = int(datetime.now(UTC).timestamp() * 1e6)
    lake.flush(post("now", time_us=now_us))
    assert make(lake_root).round(patient=False) == 0
    lake.flush(post("long ago", time_us=NOON_US - 9 * HOUR))
    DataFile.objects.filter(max_seen__gt=NOON).update(superseded_at=NOON)  # as if only the old hour were known
    assert make(lake_root, after=3600).round() == 0
    assert make(lake_root, after=0).round() == 1


def test_late_files_join_in_the_daily_pass_only(lake, compactor):
    lake.flush(post("one", time_us=NOON_US))
    compactor.round(patient=False)
    lake.flush(post("two", time_us=NOON_US + HOUR - 1))
    assert compactor.round(patient=False) == 0
    assert daily(compactor) == 1
    assert [row["text"] for row in lake.rows("posts")] == ["one", "two"]
    assert len(names(lake.root)) == 1


def test_a_deleted_post_keeps_its_key_and_nothing_else(lake, compactor):
    frame = post("secret", rkey="a", time_us=NOON_US, langs=["de"])
    lake.flush(frame, post("stays", rkey="b", time_us=NOON_US))
    lake.flush(delete("a", time_us=NOON_US + HOUR))
    compactor.round(patient=False)
    gone, stays = sorted(lake.rows("posts"), key=lambda row: row["rkey"])
    assert {name for name, value in gone.items() if value is not None} == {
        *("seen", "did", "rkey", "rev", "operation", "state", "state_seen")
    }
    assert (gone["state"], gone["state_seen"]) == ("deleted", datetime(2026, 7, 1, 13))  # noqa: DTZ001
    assert (stays["state"], stays["text"]) == (None, "stays")
    assert "secret" not in texts(lake.root)
    lake.flush(frame)  # when it comes again, it is known
    assert len(lake.rows("posts")) == 2
    assert DataFile.objects.filter(dataset="posts").count() == 1


def test_a_delete_reaches_files_that_were_compacted_before(lake, compactor):
    lake.flush(post("secret", rkey="a", time_us=NOON_US), post("other hour", rkey="x", time_us=NOON_US - HOUR))
    lake.flush(commit("com.example.thing", {"n": "confided"}, rkey="r", time_us=NOON_US))
    compactor.round(patient=False)
    untouched = DataFile.objects.get(hour=NOON - timedelta(hours=1)).path
    lake.flush(delete("a", time_us=NOON_US + HOUR), delete("r", "com.example.thing", time_us=NOON_US + HOUR))
    assert compactor.round(patient=False) == 1  # the deletes themselves
    assert "secret" in texts(lake.root)
    assert daily(compactor) == 2
    assert "secret" not in texts(lake.root)
    assert "confided" not in texts(lake.root)
    assert states(lake) == {"a": "deleted", "x": None}
    (record,) = lake.rows("records")
    assert (record["collection"], record["record"]) == ("com.example.thing", None)
    assert DataFile.listed.filter(path=untouched).exists()
    assert not Tombstone.objects.filter(applied_at=None).exists()
    assert daily(compactor) == 0


def test_a_replaced_version_keeps_its_text_and_a_delete_wins(lake, compactor):
    old = post("first", rkey="a", rev="1", time_us=NOON_US)
    lake.flush(old)
    lake.flush(post("second", "update", rkey="a", rev="2", time_us=NOON_US + 5))
    compactor.round(patient=False)
    first, second = lake.rows("posts")
    assert (first["text"], first["state"], first["state_seen"]) == ("first", "superseded", second["seen"])
    assert second["state"] is None
    lake.flush(delete("a", rev="3", time_us=NOON_US + 7))
    daily(compactor)
    assert [(row["state"], row["text"], row["state_seen"].microsecond) for row in lake.rows("posts")] == [
        ("deleted", None, 7),
        ("deleted", None, 7),
    ]


def test_a_version_after_the_delete_shows(lake, compactor):
    lake.flush(post("one", rkey="a", rev="1"), delete("a", rev="2"), post("two", rkey="a", rev="3"))
    daily(compactor)
    assert sorted((row["rev"], row["state"]) for row in lake.rows("posts")) == [("1", "deleted"), ("3", None)]


def test_without_purging_text_stays_and_goes_in_the_first_pass_with_it(lake, compactor):
    lake.flush(post("secret", rkey="a"), delete("a"))
    daily(compactor, purge=False)
    (row,) = lake.rows("posts")
    assert (row["text"], row["state"]) == ("secret", "deleted")
    assert DataFile.objects.get(dataset="posts").unpurged == 1
    assert daily(compactor, purge=False) == 0
    assert daily(compactor) == 1
    assert "secret" not in texts(lake.root)
    assert DataFile.objects.get(dataset="posts").unpurged == 0


@pytest.mark.parametrize("status", ["deactivated", "suspended", "takendown", "deleted"])
def test_only_a_deleted_account_loses_its_posts(lake, compactor, status):
    lake.flush(post("hers", did=ALICE), post("his", did=BOB))
    compactor.round(patient=False)
    lake.flush(account(False, status, did=ALICE))
    daily(compactor)
    rows = {row["did"]: (row["state"], row["text"]) for row in lake.rows("posts")}
    assert rows[BOB] == (None, "his")
    assert rows[ALICE] == (("deleted", None) if status == "deleted" else (None, "hers"))
    assert (InactiveAccount.objects.get().applied_at is not None) == (status == "deleted")
    lake.flush(account(True, did=ALICE, seq=2, time="2026-07-02T00:00:00.000Z"), post("back", did=ALICE))
    daily(compactor)
    assert None in [row["state"] for row in lake.rows("posts") if row["did"] == ALICE]


def test_deletes_of_likes_change_no_file(lake, compactor):
    lake.flush(like("at://x/y/z"))
    (row,) = lake.rows("likes")
    lake.flush(delete(row["rkey"], "app.bsky.feed.like"))
    compactor.round(patient=False)
    path = DataFile.objects.get(dataset="likes").path
    assert daily(compactor) == 0
    assert DataFile.objects.get(dataset="likes").path == path
    assert [whole("likes", row) for row in lake.rows("likes")] == [row]


def test_a_version_that_comes_after_its_delete_was_applied_goes_too(lake, compactor):
    lake.flush(delete("a", rev="5"))
    daily(compactor)
    lake.flush(post("secret", rkey="a", rev="4"))
    daily(compactor)
    assert states(lake) == {"a": "deleted"}
    assert "secret" not in texts(lake.root)


def test_tombstones_are_removed_some_days_after_and_made_anew_for_what_comes_later_still(lake, compactor):
    lake.flush(delete("a", rev="5"), post("new", "update", rkey="b", rev="5"))
    daily(compactor)
    assert Tombstone.objects.count() == 2
    Tombstone.objects.update(applied_at=datetime.now(UTC) - timedelta(days=5))
    daily(compactor)
    assert Tombstone.objects.count() == 0
    lake.flush(post("secret", rkey="a", rev="4"), post("old", rkey="b", rev="4"))
    found = set(Tombstone.objects.filter(rev="5").values_list("rkey", "deleted"))
    assert found == {("a", True), ("b", False)}
    daily(compactor)
    assert sorted((row["rkey"], row["rev"], row["state"]) for row in lake.rows("posts")) == [
        ("a", "4", "deleted"),
        ("b", "4", "superseded"),
        ("b", "5", None),
    ]


def listed_twice(lake):
    """The only file, listed a second time under another name."""
    file = DataFile.objects.get()
    path = file.path.replace("/f-", "/f-9")
    (lake.root / path).write_bytes((lake.root / file.path).read_bytes())
    file.pk, file.path = None, path
    file.save()


def test_rows_that_repeat_a_key_fold_and_are_counted(lake, compactor, caplog):
    lake.flush(post("once"), post("and again"))
    listed_twice(lake)
    compactor.round(patient=False)
    assert sorted(row["text"] for row in lake.rows("posts")) == ["and again", "once"]
    assert "'rows': 2" in caplog.text
    assert "there twice" in caplog.text


def test_nothing_is_swapped_when_a_row_would_be_missing(lake, compactor, monkeypatch):
    lake.flush(post("one"), post("two"))
    before = names(lake.root)
    monkeypatch.setattr(
        "lake.compact.rewrite._grouped", lambda batches, *_: (batch.slice(1) for batch in tables(batches))
    )
    with pytest.raises(LakeUnusable, match="says 2 rows, its files hold 2 and 2 keys, written were 1"):
        compactor.round(patient=False)
    assert names(lake.root) == before
    assert not list(lake.root.rglob("*.parquet.tmp"))


def tables(batches):
    import pyarrow as pa

    return (pa.Table.from_batches([batch]) for batch in batches)


def test_a_file_that_holds_other_rows_than_listed_stops_the_compactor(lake, compactor):
    lake.flush(post("one"))
    DataFile.objects.update(rows=2)
    with pytest.raises(LakeUnusable, match="verify_lake"):
        compactor.round(patient=False)


def test_a_stop_in_the_midst_of_a_file_leaves_nothing_behind(lake, lake_root):
    fill(lake)
    before = names(lake_root)
    assert make(lake_root, stop=lambda: True).round(patient=False) == 0
    assert names(lake_root) == before
    assert not [path for path in lake_root.rglob("*.tmp") if path.is_file()]


def test_a_stop_while_files_are_searched_for_deletions_applies_none(lake, lake_root):
    lake.flush(post("secret", rkey="a"))
    make(lake_root).round(patient=False)
    lake.flush(delete("a"))
    asked = iter([True])
    make(lake_root, stop=lambda: next(asked, False)).round(daily=True, patient=False)
    assert Tombstone.objects.filter(applied_at=None).count() == 2
    assert states(lake) == {"a": None}


def test_an_error_of_duckdb_amid_the_rows_is_one_sentence(lake, lake_root):
    lake.flush(*(post(f"text {number}") for number in range(3000)))
    path = lake_root / DataFile.objects.get().path
    whole = path.read_bytes()
    path.write_bytes(whole[:5000] + bytes(len(whole) - 6000) + whole[-1000:])
    with pytest.raises(LakeUnusable):
        make(lake_root).round(patient=False)
    assert not list(lake_root.rglob("*.parquet.tmp"))


def test_replaced_files_leave_the_folders_at_once_and_the_disk_after_the_grace(lake, lake_root):
    lake.flush(post("one"))
    path = DataFile.objects.get().path
    patient = make(lake_root, grace=3600)
    patient.round(patient=False)
    assert not (lake_root / path).exists()
    assert (lake_root / layout.superseded_place(path)).exists()
    assert DataFile.objects.get(path=path).superseded_at is not None
    make(lake_root, grace=0).round(patient=False)
    assert not (lake_root / layout.superseded_place(path)).exists()
    assert not DataFile.objects.filter(path=path).exists()


def test_a_start_finishes_what_a_kill_has_cut_short(lake, lake_root, monkeypatch):
    lake.flush(post("one"))
    path = DataFile.objects.get().path
    with monkeypatch.context() as patch:
        patch.setattr(compact_compactor.sweep, "move", lambda root, paths: None)  # killed between the swap and the move
        patch.setattr(compact_compactor.sweep, "sweep", lambda root, before: 0)
        make(lake_root).round(patient=False)
    folder = (lake_root / path).parent
    (folder / "c-1.parquet").write_bytes(b"never listed")
    (folder / ".c-2.parquet.tmp").write_bytes(b"half")
    (folder / "f-1.parquet").write_bytes(b"the flusher's")
    (lake_root / layout.SCRATCH).mkdir(exist_ok=True)
    (lake_root / layout.SCRATCH / "spilled").write_bytes(b"x")
    (lake_root / layout.SUPERSEDED).mkdir()
    (lake_root / index_upkeep.FOLDER / "half-built").mkdir()
    (lake_root / index_upkeep.FOLDER / "half-built" / "0").write_bytes(b"x")
    (lake_root / index_upkeep.FOLDER / "never-listed.index").write_bytes(b"x")
    (lake_root / layout.SUPERSEDED / "posts~c-0.parquet").write_bytes(b"swept, but for its file")
    make(lake_root, grace=3600).prepare()
    left = {str(p.relative_to(lake_root)) for p in lake_root.rglob("*") if p.is_file()}
    listed = DataFile.listed.get().path
    index = IndexFile.objects.get().path
    never_listed = layout.orphan_place(f"{folder.relative_to(lake_root)}/c-1.parquet")
    assert left == {
        *(layout.MARKER, listed, index, layout.superseded_place(path), f"{folder.relative_to(lake_root)}/f-1.parquet"),
        *(never_listed, layout.orphan_place(".superseded/posts~c-0.parquet")),
    }


def test_the_flusher_leaves_the_compactors_files_alone(lake, lake_root):
    lake.flush(post("one"))
    make(lake_root, grace=3600).round(patient=False)
    before = {path for path in lake_root.rglob("*") if path.is_file()}
    lake.flusher.prepare()
    assert {path for path in lake_root.rglob("*") if path.is_file()} == before


def test_a_dry_run_says_what_would_be_done_and_does_nothing(lake, lake_root, tmp_path):
    lake.flush(post("one", rkey="a", time_us=NOON_US))
    make(lake_root, grace=0).round(patient=False)
    lake.flush(delete("a", time_us=NOON_US + 1))
    before = {path for path in lake_root.rglob("*") if path.is_file()}, set(DataFile.objects.values_list())
    said = list(Compactor(lake_root, tmp_path / "scratch", 1, 0, 0, lambda: False).would_do())
    assert said == [
        "compact posts 2026-07-01T12: 1 files, 1 rows, deleted",
        "compact deletes 2026-07-01T12: 1 files, 1 rows, closed",
    ]
    assert ({path for path in lake_root.rglob("*") if path.is_file()}, set(DataFile.objects.values_list())) == before


def test_the_flusher_folds_while_files_are_replaced_under_it(lake, compactor, monkeypatch):
    """The catalog has just told the flusher where to look, when compaction takes the files away."""
    news = account(False, "deactivated", seq=1)
    frames = [post("one", time_us=NOON_US), like("at://x/y/z"), news]
    lake.flush(*frames)
    replaced = []

    def overtaken(ask):
        def answer(*args):
            paths = ask(*args)
            replaced.append(compactor.round(patient=False))
            return paths

        return answer

    monkeypatch.setattr(listing, "paths_near", overtaken(listing.paths_near))
    lake.flush(*frames, account(True, seq=0, time="2026-06-01T00:00:00.000Z"))
    assert replaced[0] == 3
    assert [len(lake.rows(name)) for name in ("posts", "likes", "accounts")] == [1, 1, 2]
    assert InactiveAccount.objects.count() == 1


def test_a_listed_file_that_is_gone_still_stops_the_flusher(lake):
    lake.flush(post("one", time_us=NOON_US))
    (lake.root / DataFile.objects.get().path).unlink()
    with pytest.raises(LakeUnusable):
        read_guard.read_current(
            lambda: listing.paths_near("posts", [(NOON_US, NOON_US)], False), lambda paths: read(lake, paths)
        )


def read(lake, paths):
    return lake.engine.rows("SELECT * FROM read_parquet($1)", [[str(lake.root / path) for path in paths]])
