"""How the bytes of a file are laid out: sizes, levels and encodings. Pure."""

from typing import NamedTuple

from lake.schema import DATASETS, STATEFUL, Column, Dataset

BLOOM_FPP = 0.01
_REPEATING = {"operation", "state", "collection", "kind", "status", "did", "langs", "media", "domains", "hashtags"}
_INCREASING = {"seen", "created_at", "state_seen", "seq"}
_SHARED_PREFIXES = {"rev"}
# What has statistics. The first and last of a group's texts and references rule nothing out, and half of a footer would
# be of them.
_WITH_STATISTICS = _INCREASING | {"did", "rkey", "rev", "operation", "state", "collection", "kind", "status"}


class WriterProfile(NamedTuple):
    """How a file is laid out: zstd's level, and the rows of a row group."""

    level: int
    group_rows: int


# A flush file lives for an hour or two: groups small enough for point reads and large enough for zstd, whose level 2
# makes these columns as small as 3 does, a tenth faster.
FLUSHED = WriterProfile(2, 32_768)
# What readers see is read row by row where a search has hits: small groups, of which one takes 3 ms (of 4,096 rows: 5,
# of 1,024: 2, in files 3 % smaller and 4 % larger), and level 6, which makes text 5 % smaller than 2 and takes four
# times as long (9: 6 %, 19: 10 % and a hundred times).
_SEARCHED = WriterProfile(6, 2_048)
# The rest is mostly hashes, which no level makes smaller (19: 3 % in fifty times the time), in the order of what it is
# asked by.
_LOOKED_UP = WriterProfile(2, 32_768)
COMPACTED = {name: _SEARCHED if name in STATEFUL else _LOOKED_UP for name in DATASETS}


def writer_options(dataset: Dataset, group_rows: int, level: int) -> dict[str, object]:
    """What pyarrow's writer takes. `group_rows`: of a row group, for the size of its bloom filters."""
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
    if column.name in _REPEATING or column.type == "BOOLEAN":
        return None
    return "DELTA_LENGTH_BYTE_ARRAY"


def _leaf(column: Column) -> str:
    """The column's path in Parquet."""
    return f"{column.name}.list.element" if column.type.endswith("[]") else column.name
