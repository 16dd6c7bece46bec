"""The columns of a Parquet file against those of its dataset."""

from pathlib import Path

from lake.schema import ADDED, Dataset
from lake.storage.duckdb_engine import Engine

_TYPES = "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM lake_rows($1))"


def wrong_column(engine: Engine, path: Path, dataset: Dataset) -> str:
    """What is wrong with the first wrong column; empty if there is none. Raises what the engine raises."""
    types = dict(engine.rows(_TYPES, [str(path)]))
    for column in dataset.columns:
        expected = "TIMESTAMP WITH TIME ZONE" if column.type == "TIMESTAMP" else column.type
        if column.name not in types and column.name in ADDED:
            continue
        if column.name not in types:
            return f"has no column {column.name}"
        if types[column.name] != expected:
            return f"has the column {column.name} as {types[column.name]}, not {expected}"
    return ""
