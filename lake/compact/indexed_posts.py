"""Posts in Parquet, as the text index takes them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lake.storage import parquet_writer, stored_rows
from lake.storage.duckdb_engine import Engine
from lake.textindex.builder import PostChunk
from lake.textindex.ngrams import REPLACEMENT
from lake.textindex.stored_posts import StoredPosts

CHUNK_ROWS = 1 << 14  # a chunk's keys take about 13 MB
CHUNK_CHARACTERS = 4 << 20  # exceeded by at most STREAMED_ROWS texts
STREAMED_ROWS = 256

_ROWS = "SELECT sum(num_rows) FROM parquet_file_metadata([$path])"
_POSTS = f"""
    SELECT
        CASE WHEN state = 'deleted' THEN '' ELSE coalesce(replace(lower(text), chr(0), $replacement), '') END,
        CASE WHEN state = 'deleted' THEN NULL ELSE did END,
        epoch_us(seen),
        coalesce(epoch_us(created_at), $no_time),
        {{stored}},
        {", ".join(stored_rows.COLUMNS)}
    FROM numbered_lake_rows([$path])
    WHERE file_row_number >= $first AND file_row_number < $last
    ORDER BY file_row_number
"""


def read_posts(engine: Engine, path: Path) -> Iterator[PostChunk]:
    """All posts of the file, in the order of its rows. Raises what the engine raises."""
    ((rows,),) = engine.rows(_ROWS, {"path": str(path)})
    bound = {"path": str(path), "replacement": REPLACEMENT, "no_time": stored_rows.NO_TIME}
    sql = _POSTS.format(stored=stored_rows.is_stored(parquet_writer.late_rows(path) > 0))
    for first in range(0, rows or 0, CHUNK_ROWS):
        chunk: list[tuple[Any, ...]] = []
        characters = 0
        for batch in engine.stream(sql, bound | {"first": first, "last": first + CHUNK_ROWS}, size=STREAMED_ROWS):
            chunk += batch
            characters += sum(len(row[0]) for row in batch)
            if characters > CHUNK_CHARACTERS:
                yield _chunk(chunk)
                chunk, characters = [], 0
        if chunk:
            yield _chunk(chunk)


def _chunk(posts: list[tuple[Any, ...]]) -> PostChunk:
    texts, authors, seen, created, *_ = zip(*posts, strict=True)
    rows = [stored_rows.encode(values) if stateless else b"" for _, _, _, _, stateless, *values in posts]
    return PostChunk(texts, authors, StoredPosts(rows, np.array(seen, np.int64), np.array(created, np.int64)))
