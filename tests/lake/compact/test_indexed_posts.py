"""The posts that an index is built from are those of the file, row by row."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from lake.compact import indexed_posts
from lake.compact.indexed_posts import read_posts
from lake.errors import LakeUnusable
from lake.schema import DATASETS
from lake.storage import parquet_writer, stored_rows
from lake.storage.duckdb_engine import Engine
from lake.storage.stored_rows import NO_TIME
from tests.builders import ALICE
from tests.examples import one_in
from tests.lake.textindex.posts import POSTS, chunk_of

CLOCKS = ("seen", "created_at")


@pytest.fixture(scope="module")
def engine():
    engine = Engine("500MB", 1)
    yield engine
    engine.close()


def write(path, posts):
    """As compaction does."""
    times = chunk_of(posts).posts
    columns = {name: [post[number] for post in posts] for number, name in enumerate(("text", "did", "state"))}
    for name, us in zip(CLOCKS, (times.seen_us, times.created_us), strict=True):
        columns[name] = np.ma.masked_equal(us, NO_TIME)
    fields = parquet_writer.schema(DATASETS["posts"])
    arrays = [pa.array(columns.get(field.name, [None] * len(posts)), field.type) for field in fields]
    pq.write_table(pa.table(arrays, schema=fields), path, row_group_size=7)
    return path


@one_in(5)
@given(POSTS)
def test_texts_are_in_lower_case_without_nul_and_without_deleted_posts(engine, tmp_path, posts):
    chunks = list(read_posts(engine, write(tmp_path / "posts.parquet", posts)))
    assert [as_lists(chunk) for chunk in chunks] == ([as_lists(chunk_of(posts))] if posts else [])


def as_lists(chunk):
    return list(chunk.texts), list(chunk.authors), chunk.posts.seen_us.tolist(), chunk.posts.created_us.tolist()


def test_rows_without_a_state_are_stored(engine, tmp_path):
    posts = [("Sky Lake", ALICE, None), ("old", ALICE, "superseded"), ("", ALICE, "deleted"), (None, ALICE, None)]
    (chunk,) = read_posts(engine, write(tmp_path / "posts.parquet", posts))
    told = [stored_rows.text(row) if row else "not stored" for row in chunk.posts.rows]
    assert told == ["Sky Lake", "not stored", "not stored", None]


def test_chunks_are_bounded_in_rows_and_characters(engine, tmp_path, monkeypatch):
    posts = [("x" * (number % 50), ALICE, "deleted" if number % 9 == 0 else None) for number in range(3000)]
    path = write(tmp_path / "posts.parquet", posts)
    for name, value in (("CHUNK_ROWS", 700), ("CHUNK_CHARACTERS", 9000), ("STREAMED_ROWS", 50)):
        monkeypatch.setattr(indexed_posts, name, value)
    chunks = list(read_posts(engine, path))
    assert [text for chunk in chunks for text in chunk.texts] == chunk_of(posts).texts
    assert [did for chunk in chunks for did in chunk.authors] == chunk_of(posts).authors
    assert max(len(chunk.texts) for chunk in chunks) <= 700
    assert max(sum(map(len, chunk.texts[:-50])) for chunk in chunks) <= 9000
    assert len(chunks) > 3000 / 700 + 1  # both limits were reached


def test_a_missing_file_is_a_lake_that_cant_be_read(engine, tmp_path):
    with pytest.raises(LakeUnusable):
        list(read_posts(engine, tmp_path / "missing.parquet"))
