"""Options of Parquet files: row group sizes, compression levels, encodings, statistics, bloom filters. Pure."""

from typing import NamedTuple

from lake.schema import DATASETS, STATEFUL, Column, Dataset

BLOOM_FPP = 0.01
_OF_LABELS = {"name", "value", "model", "version"}
_REPEATING = {"operation", "state", "collection", "kind", "status", "did", "langs", "media", "domains", "hashtags"}
_REPEATING |= _OF_LABELS | {"learned"}  # learned: one value in all late rows of a batch
_INCREASING = {"seen", "created_at", "state_seen", "seq", "labelled_at", "arrival"}
_SHARED_PREFIXES = {"rev"}
# Columns with statistics. The minimum and maximum of texts and references rule no row group out, and would be half of
# the footer.
_WITH_STATISTICS = _INCREASING | {"did", "rkey", "rev", "operation", "state", "collection", "kind", "status", "name"}


class WriterProfile(NamedTuple):
    """zstd's level, and the rows of a row group."""

    level: int
    group_rows: int


# A flush file lives for an hour or two: row groups small enough for point reads and large enough for zstd, whose level
# 2 compresses these columns as much as 3, a tenth faster.
FLUSHED = WriterProfile(2, 32_768)
# Searches read these row by row, where they have hits: small row groups, of which one takes 3 ms (4,096 rows: 5 ms in
# files 3 % smaller, 1,024: 2 ms in files 4 % larger), and level 6, which makes text 5 % smaller than 2 in four times
# the time (9: 6 %, 19: 10 % in a hundred times).
_SEARCHED = WriterProfile(6, 2_048)
# The rest is mostly hashes, which no level compresses (19: 3 % in fifty times the time), sorted by what lookups need.
_LOOKED_UP = WriterProfile(2, 32_768)
# Filters of posts read stretches of `seen` of these, all rows of a stretch.
_JOINED = WriterProfile(6, 8_192)
COMPACTED = {name: _SEARCHED if name in STATEFUL else _LOOKED_UP for name in DATASETS} | {"labels": _JOINED}


def writer_options(dataset: Dataset, group_rows: int, level: int) -> dict[str, object]:
    """Arguments of pyarrow's ParquetWriter. `group_rows`: rows of a row group, which size its bloom filters."""
    return {
        "compression": "zstd",
        "compression_level": level,
        "data_page_version": "2.0",
        "write_page_index": True,
        "write_statistics": [name for name in dataset.names if name in _WITH_STATISTICS | {dataset.subject}],
        "use_dictionary": [_leaf(column) for column in dataset.columns if column.name in _REPEATING],
        "column_encoding": {_leaf(c): encoding for c in dataset.columns if (encoding := _encoding(c))},
        "bloom_filter_options": {name: {"ndv": max(1, group_rows), "fpp": BLOOM_FPP} for name in dataset.lookups},
    }


def _encoding(column: Column) -> str | None:
    if column.name in _INCREASING:
        return "DELTA_BINARY_PACKED"
    if column.name in _SHARED_PREFIXES:
        return "DELTA_BYTE_ARRAY"
    if column.name in _REPEATING or column.type in ("BOOLEAN", "DOUBLE"):
        return None
    return "DELTA_LENGTH_BYTE_ARRAY"


def _leaf(column: Column) -> str:
    """The column's leaf path in Parquet."""
    return f"{column.name}.list.element" if column.type.endswith("[]") else column.name
