"""The texts that an index is built from are those of the file, row by row."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from lake.compact import post_texts
from lake.compact.post_texts import read_texts
from lake.errors import LakeUnusable
from lake.storage.duckdb_engine import Engine
from tests.builders import ALICE
from tests.examples import one_in
from tests.lake.textindex.posts import POSTS, chunk_of


@pytest.fixture(scope="module")
def engine():
    engine = Engine("500MB", 1)
    yield engine
    engine.close()


def write(path, posts):
    columns = {name: [post[number] for post in posts] for number, name in enumerate(("text", "did", "state"))}
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    pq.write_table(table, path, row_group_size=7)
    return path


@one_in(5)
@given(POSTS)
def test_texts_are_in_lower_case_without_nul_and_without_deleted_posts(engine, tmp_path, posts):
    chunks = list(read_texts(engine, write(tmp_path / "posts.parquet", posts)))
    assert chunks == ([chunk_of(posts)] if posts else [])


def test_chunks_are_bounded_in_rows_and_characters(engine, tmp_path, monkeypatch):
    posts = [("x" * (number % 50), ALICE, "deleted" if number % 9 == 0 else None) for number in range(3000)]
    path = write(tmp_path / "posts.parquet", posts)
    for name, value in (("CHUNK_ROWS", 700), ("CHUNK_CHARACTERS", 9000), ("STREAMED_ROWS", 50)):
        monkeypatch.setattr(post_texts, name, value)
    chunks = list(read_texts(engine, path))
    assert [text for chunk in chunks for text in chunk.texts] == chunk_of(posts).texts
    assert [did for chunk in chunks for did in chunk.authors] == chunk_of(posts).authors
    assert max(len(chunk.texts) for chunk in chunks) <= 700
    assert max(sum(map(len, chunk.texts[:-50])) for chunk in chunks) <= 9000
    assert len(chunks) > 3000 / 700 + 1  # both limits were reached


def test_a_missing_file_is_a_lake_that_cant_be_read(engine, tmp_path):
    with pytest.raises(LakeUnusable):
        list(read_texts(engine, tmp_path / "missing.parquet"))
