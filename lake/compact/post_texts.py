"""Texts and authors of posts in Parquet, as the text index takes them."""

from collections.abc import Iterator
from pathlib import Path

from lake.storage.duckdb_engine import Engine
from lake.textindex.builder import TextChunk
from lake.textindex.ngrams import REPLACEMENT

CHUNK_ROWS = 1 << 14  # a chunk's keys take about 13 MB
CHUNK_CHARACTERS = 4 << 20  # exceeded by at most STREAMED_ROWS texts
STREAMED_ROWS = 256

_ROWS = "SELECT sum(num_rows) FROM parquet_file_metadata([$path])"
_TEXTS = """
    SELECT
        CASE WHEN state = 'deleted' THEN '' ELSE coalesce(replace(lower(text), chr(0), $replacement), '') END,
        CASE WHEN state = 'deleted' THEN NULL ELSE did END
    FROM numbered_lake_rows([$path])
    WHERE file_row_number >= $first AND file_row_number < $last
    ORDER BY file_row_number
"""


def read_texts(engine: Engine, path: Path) -> Iterator[TextChunk]:
    """All posts of the file, in the order of its rows. Raises what the engine raises."""
    ((rows,),) = engine.rows(_ROWS, {"path": str(path)})
    for first in range(0, rows or 0, CHUNK_ROWS):
        values = {"path": str(path), "first": first, "last": first + CHUNK_ROWS, "replacement": REPLACEMENT}
        texts: list[str] = []
        authors: list[str | None] = []
        characters = 0
        for batch in engine.stream(_TEXTS, values, size=STREAMED_ROWS):
            texts += [text for text, _ in batch]
            authors += [did for _, did in batch]
            characters += sum(len(text) for text, _ in batch)
            if characters > CHUNK_CHARACTERS:
                yield TextChunk(texts, authors)
                texts, authors, characters = [], [], 0
        if texts:
            yield TextChunk(texts, authors)
