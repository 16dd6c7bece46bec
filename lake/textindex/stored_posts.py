"""What an index stores of each post beside the posting lists: its text and its times, in small blocks that are read one
by one. Pure.

A candidate is checked against its stored text in 30 us. In Parquet its row group takes 0.4 ms, and the footer of a file
that is not in memory 1 to 3 ms.
"""

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

# Rows of a block, with 136 bytes of text each: 91 bytes and 33 us to read one. With 64 rows: 87 bytes and 59 us.
BLOCK_ROWS = 32
NO_TIME = int(np.iinfo(np.int64).min)
_LEVEL = 6


class StoredPosts(NamedTuple):
    """Columns of some posts. `texts`: lower case, NUL replaced by ngrams.REPLACEMENT; "" of a deleted post. Times in
    microseconds since 1970; created_us is NO_TIME where the author's createdAt is no date."""

    texts: Sequence[str]
    seen_us: Ints
    created_us: Ints


def encode(posts: StoredPosts) -> bytes:
    """One block. Its times differ little, so that their differences are mostly zero bytes."""
    texts = [text.encode() for text in posts.texts]
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    numbers = np.concatenate([sizes, np.diff(posts.seen_us, prepend=0), posts.created_us - posts.seen_us])
    return zlib.compress(_planes(numbers) + b"".join(texts), _LEVEL)


class Block:
    """A decoded block of so many rows. Raises zlib.error and ValueError for other bytes."""

    def __init__(self, data: bytes, rows: int) -> None:
        raw = zlib.decompress(data)
        numbers = _from_planes(raw[: 24 * rows])
        self._texts = raw[24 * rows :]
        self._ends = np.cumsum(numbers[:rows])
        self.seen_us = np.cumsum(numbers[rows : 2 * rows])
        self.created_us = numbers[2 * rows :] + self.seen_us
        if not 0 < rows == len(self.seen_us) or self._ends[-1] != len(self._texts):
            raise ValueError("a block does not hold the rows that the directory says")

    def text(self, row: int) -> str:
        return self._texts[int(self._ends[row - 1]) if row else 0 : int(self._ends[row])].decode()

    def without(self, rows: Sequence[int]) -> bytes:
        """Encoded again, these rows without their text."""
        gone = set(rows)
        texts = ["" if row in gone else self.text(row) for row in range(len(self.seen_us))]
        return encode(StoredPosts(texts, self.seen_us, self.created_us))


def _planes(numbers: Ints) -> bytes:
    """First bytes, then second bytes, ..."""
    return np.ascontiguousarray(numbers.astype("<i8").view(np.uint8).reshape(-1, 8).T).tobytes()


def _from_planes(data: bytes) -> Ints:
    planes = np.frombuffer(data, np.uint8).reshape(8, -1)
    return np.ascontiguousarray(planes.T).view("<i8").ravel().astype(np.int64, copy=False)
