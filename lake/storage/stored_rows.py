"""Rows of posts as the text index stores them, and back as an Arrow table. Pure.

Only rows without a state are stored: a state changes while the index stays. Late rows are not stored either.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lake.schema import ADDED, DATASETS, STATE
from lake.storage.parquet_writer import schema

# Besides the times. All that pages, counts and most filters need; the others are long, or rarely asked for.
COLUMNS = (
    *("did", "rkey", "rev", "cid", "text", "langs", "reply_root_uri", "reply_parent_uri", "quote_uri"),
    *("links", "hashtags", "mentions", "media", "alt", "labels"),
)
NO_TIME = int(np.iinfo(np.int64).min)  # created_us of a post whose createdAt is no date, or that is purged
_TEXT = COLUMNS.index("text")
_SCHEMA = schema(DATASETS["posts"])
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple).decode


def is_stored(late: bool) -> str:
    """SQL: whether the row of a post is stored. `late`: whether its file has late rows."""
    return "state IS NULL AND learned IS NULL" if late else "state IS NULL"


def encode(values: Sequence[Any]) -> bytes:
    """`values`: of COLUMNS."""
    return _encode(values)


def text(row: bytes) -> str | None:
    value: str | None = _decode(row)[_TEXT]
    return value


def table(
    rows: Sequence[bytes], seen_us: NDArray[np.int64], created_us: NDArray[np.int64], columns: Sequence[str]
) -> "pa.Table | None":
    """These columns of the rows. None when one is not stored, or a row."""
    if not all(rows) or not set(columns) <= {*COLUMNS, "seen", "created_at", *STATE, *ADDED}:
        return None
    by_row = zip(*map(_decode, rows), strict=True) if rows else ((),) * len(COLUMNS)
    values: dict[str, Any] = dict(zip(COLUMNS, by_row, strict=True))
    values |= {name: [None] * len(rows) for name in (*STATE, *ADDED)}
    values |= {"seen": seen_us, "created_at": np.ma.masked_equal(created_us, NO_TIME)}
    fields = [_SCHEMA.field(name) for name in columns]
    return pa.table([pa.array(values[field.name], field.type) for field in fields], schema=pa.schema(fields))
