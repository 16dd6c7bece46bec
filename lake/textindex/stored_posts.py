"""What an index stores of each post beside the posting lists: its times and its row, in small blocks that are read one
by one. Pure.

A row is read in 50 us. In Parquet its row group takes 1.2 ms, and the footer of a file that is not in memory 1 to 3 ms.
"""

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

BLOCK_ROWS = 32
NO_TIME = int(np.iinfo(np.int64).min)  # created_us of a post whose createdAt is no date, or that is purged
_LEVEL = 6


class StoredPosts(NamedTuple):
    """Columns of some posts. `rows`: bytes that the index does not look into; empty where the row is to be read from
    its file. Times in microseconds since 1970."""

    rows: Sequence[bytes]
    seen_us: Ints
    created_us: Ints


def encode(posts: StoredPosts) -> bytes:
    """One block. Its times differ little, so that their differences are mostly zero bytes."""
    sizes = np.fromiter(map(len, posts.rows), np.int64, len(posts.rows))
    numbers = np.concatenate([sizes, np.diff(posts.seen_us, prepend=0), posts.created_us - posts.seen_us])
    return zlib.compress(_planes(numbers) + b"".join(posts.rows), _LEVEL)


class Block:
    """A decoded block of so many posts. Raises zlib.error and ValueError for other bytes."""

    def __init__(self, data: bytes, size: int) -> None:
        raw = zlib.decompress(data)
        numbers = _from_planes(raw[: 24 * size])
        self._rows = raw[24 * size :]
        self._ends = np.cumsum(numbers[:size])
        self.seen_us = np.cumsum(numbers[size : 2 * size])
        self.created_us = numbers[2 * size :] + self.seen_us
        if not 0 < size == len(self.seen_us) or self._ends[-1] != len(self._rows):
            raise ValueError("a block does not hold the posts that the directory says")

    def row(self, number: int) -> bytes:
        return self._rows[int(self._ends[number - 1]) if number else 0 : int(self._ends[number])]

    def without(self, numbers: Sequence[int], purged: Sequence[int]) -> bytes:
        """Encoded again, these posts without their rows, and the purged ones without what their author claims, too."""
        gone, created = {*numbers, *purged}, self.created_us.copy()
        created[list(purged)] = NO_TIME
        rows = [b"" if number in gone else self.row(number) for number in range(len(self.seen_us))]
        return encode(StoredPosts(rows, self.seen_us, created))


def _planes(numbers: Ints) -> bytes:
    """First bytes, then second bytes, ..."""
    return np.ascontiguousarray(numbers.astype("<i8").view(np.uint8).reshape(-1, 8).T).tobytes()


def _from_planes(data: bytes) -> Ints:
    planes = np.frombuffer(data, np.uint8).reshape(8, -1)
    return np.ascontiguousarray(planes.T).view("<i8").ravel().astype(np.int64, copy=False)
