"""One partition becomes one file: the order, states and text of its rows."""

from datetime import datetime

import pyarrow.parquet as pq
import pytest

from lake.catalog import listing
from lake.compact.rewrite_sql import sort_columns
from lake.errors import LakeUnusable
from lake.models import DataFile, Tombstone
from lake.schema import DATASETS
from tests.builders import NOON_US, delete, post
from tests.lake.compact.compacting import HOUR, daily, fill, make, names, texts


def listed_twice(lake):
    """The only file, listed a second time under another name."""
    file = DataFile.objects.get()
    path = file.path.replace("/f-", "/f-9")
    (lake.root / path).write_bytes((lake.root / file.path).read_bytes())
    file.pk, file.path = None, path
    file.save()


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


def test_a_deleted_post_keeps_its_key_and_nothing_else(lake, compactor):
    frame = post("secret", rkey="a", time_us=NOON_US, langs=["de"], via="the secret client")
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


def test_states_outlive_their_tombstones(lake, compactor):
    lake.flush(post("old", rkey="a", time_us=NOON_US), post("gone", rkey="b", time_us=NOON_US + 1))
    lake.flush(post("new", "update", rkey="a", time_us=NOON_US + HOUR), delete("b", time_us=NOON_US + HOUR + 1))
    compactor.round(patient=False)
    Tombstone.objects.all().delete()  # as some days later
    lake.flush(post("late", rkey="c", time_us=NOON_US + 2))
    daily(compactor)
    rows = [(row["rkey"], row["state"]) for row in lake.rows("posts") if row["seen"].hour == 12]
    assert rows == [("a", "superseded"), ("b", "deleted"), ("c", None)]


def test_a_version_after_the_delete_shows(lake, compactor):
    lake.flush(post("one", rkey="a", rev="1"), delete("a", rev="2"), post("two", rkey="a", rev="3"))
    daily(compactor)
    assert sorted((row["rev"], row["state"]) for row in lake.rows("posts")) == [("1", "deleted"), ("3", None)]


def test_rows_that_repeat_a_key_are_dropped_and_counted(lake, compactor, caplog):
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


def test_an_error_of_duckdb_amid_the_rows_is_one_sentence(lake, lake_root):
    lake.flush(*(post(f"text {number}") for number in range(3000)))
    path = lake_root / DataFile.objects.get().path
    whole = path.read_bytes()
    path.write_bytes(whole[:5000] + bytes(len(whole) - 6000) + whole[-1000:])
    with pytest.raises(LakeUnusable):
        make(lake_root).round(patient=False)
    assert not list(lake_root.rglob("*.parquet.tmp"))
