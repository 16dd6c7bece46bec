"""Arrow arrays out of numpy arrays, many rows at a time: strings of equal length, lists, JSON put together."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def tids(us: np.ndarray, clocks: np.ndarray) -> pa.StringArray:
    """The TIDs of these microseconds since 1970 and ten-bit clock ids."""
    numbers = us.astype(np.int64) << 10 | clocks
    digits = np.empty((13, len(us)), np.uint8)
    for place in range(13):
        np.bitwise_and(numbers >> 5 * place, 31, out=digits[12 - place], casting="unsafe")
    digits += ord("2") + (digits > 5) * np.uint8(ord("a") - ord("2") - 6)  # 2 to 7, then a to z
    return fixed(digits.T)


def base32(random: np.random.Generator, count: int, prefix: bytes, length: int) -> pa.StringArray:
    """The prefix and so many characters of base32."""
    size = len(prefix) + length
    rows = np.frombuffer(random.bytes(count * size), np.uint8).reshape(count, size) & 31
    rows += ord("a") - (rows > 25) * np.uint8(ord("a") - ord("2") + 26)  # a to z, then 2 to 7
    rows[:, : len(prefix)] = np.frombuffer(prefix, np.uint8)
    return fixed(rows)


def fixed(rows: np.ndarray) -> pa.StringArray:
    """A string of each row of bytes."""
    count, length = rows.shape
    offsets = np.arange(count + 1, dtype=np.int32) * np.int32(length)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(rows)))


def runs(strings: pa.StringArray, starts: np.ndarray) -> pa.StringArray:
    """The strings from each start up to the next one, as one string: no byte moves."""
    return pa.StringArray.from_buffers(len(starts) - 1, pa.py_buffer(offsets_of(strings)[starts]), strings.buffers()[2])


def offsets_of(strings: pa.StringArray) -> np.ndarray:
    return np.frombuffer(strings.buffers()[1], np.int32)[strings.offset : strings.offset + len(strings) + 1]


def text(*parts: object) -> pa.StringArray:
    """The parts one after the other, row by row: strings, integers, or one string for all."""
    arrays = [pa.array(part).cast(pa.string()) if isinstance(part, np.ndarray) else part for part in parts]
    return pc.binary_join_element_wise(*arrays, "")


def joined(rows: np.ndarray, items: pa.StringArray, count: int) -> pa.StringArray:
    """For each of `count` rows its items as a JSON array, null where it has none. `rows`: of each item, ascending."""
    lists = lists_of(rows, items, count)
    return pc.binary_join_element_wise("[", pc.binary_join(lists, ","), "]", "")


def lists_of(rows: np.ndarray, items: pa.StringArray, count: int) -> pa.ListArray:
    """The same as lists."""
    counts = np.bincount(rows, minlength=count)
    return pa.ListArray.from_arrays(starts_of(counts).astype(np.int32), items, mask=pa.array(counts == 0))


def spread(rows: np.ndarray, values: pa.Array, count: int) -> pa.Array:
    """`count` rows, null but for these."""
    places = np.full(count, -1, np.int64)
    places[rows] = np.arange(len(rows))
    return values.take(pa.array(places, mask=places < 0))


def chained(parts: Iterable[tuple[np.ndarray, pa.Array]]) -> tuple[np.ndarray, pa.Array]:
    """Items of several kinds, each with its row, in the order of their rows."""
    rows, values = zip(*parts, strict=True)
    order = np.argsort(np.concatenate(rows), kind="stable")
    return np.concatenate(rows)[order], pa.concat_arrays(values).take(pa.array(order))


def distinct(rows: np.ndarray, values: pa.Array) -> tuple[np.ndarray, pa.Array]:
    """Of each row each value once."""
    codes = values.dictionary_encode()
    kept = np.unique(rows * len(codes.dictionary) + codes.indices.to_numpy(), return_index=True)[1]
    kept.sort()
    return rows[kept], values.take(pa.array(kept))


def starts_of(counts: np.ndarray) -> np.ndarray:
    starts: np.ndarray = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    return starts


def within(counts: np.ndarray) -> np.ndarray:
    """0, 1, 2, ... up to each count, one after the other."""
    places: np.ndarray = np.arange(counts.sum()) - np.repeat(starts_of(counts)[:-1], counts)
    return places
