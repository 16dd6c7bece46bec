"""The posts that an index is built from are those of the file, row by row."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from lake.compact import indexed_posts
from lake.compact.indexed_posts import read_posts
from lake.errors import LakeUnusable
from lake.storage.duckdb_engine import Engine
from lake.textindex.stored_posts import NO_TIME
from tests.builders import ALICE
from tests.examples import one_in
from tests.lake.textindex.posts import POSTS, chunk_of, times_of


@pytest.fixture(scope="module")
def engine():
    engine = Engine("500MB", 1)
    yield engine
    engine.close()


def write(path, posts):
    columns = {name: [post[number] for post in posts] for number, name in enumerate(("text", "did", "state"))}
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    for name, times in zip(("seen", "created_at"), times_of(len(posts)), strict=True):
        table = table.append_column(name, pa.array(times, mask=times == NO_TIME).cast(pa.timestamp("us", "UTC")))
    pq.write_table(table, path, row_group_size=7)
    return path


@one_in(5)
@given(POSTS)
def test_texts_are_in_lower_case_without_nul_and_without_deleted_posts(engine, tmp_path, posts):
    chunks = list(read_posts(engine, write(tmp_path / "posts.parquet", posts)))
    assert [as_lists(chunk) for chunk in chunks] == ([as_lists(chunk_of(posts))] if posts else [])


def as_lists(chunk):
    return list(chunk.posts.texts), chunk.posts.seen_us.tolist(), chunk.posts.created_us.tolist(), list(chunk.authors)


def test_chunks_are_bounded_in_rows_and_characters(engine, tmp_path, monkeypatch):
    posts = [("x" * (number % 50), ALICE, "deleted" if number % 9 == 0 else None) for number in range(3000)]
    path = write(tmp_path / "posts.parquet", posts)
    for name, value in (("CHUNK_ROWS", 700), ("CHUNK_CHARACTERS", 9000), ("STREAMED_ROWS", 50)):
        monkeypatch.setattr(indexed_posts, name, value)
    chunks = list(read_posts(engine, path))
    assert [text for chunk in chunks for text in chunk.posts.texts] == chunk_of(posts).posts.texts
    assert [did for chunk in chunks for did in chunk.authors] == chunk_of(posts).authors
    assert max(len(chunk.posts.texts) for chunk in chunks) <= 700
    assert max(sum(map(len, chunk.posts.texts[:-50])) for chunk in chunks) <= 9000
    assert len(chunks) > 3000 / 700 + 1  # both limits were reached


def test_a_missing_file_is_a_lake_that_cant_be_read(engine, tmp_path):
    with pytest.raises(LakeUnusable):
        list(read_posts(engine, tmp_path / "missing.parquet"))
