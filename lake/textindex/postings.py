"""Lists of ascending numbers as few bits: the Elias-Fano code, many lists to a block. Pure.

Of each number the low `width` bits stand in planes of four bits, the rest in unary in one row of bits: number i of a
list sets bit (value >> width) + i of its list's part. Row and planes hold the lists one after the other, so where a
list stands follows from the lengths of all. `universe`: all numbers are below it.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
DocIds = NDArray[np.uint32]
Bytes = NDArray[np.uint8]
MAX_UNIVERSE = 1 << 24
_PLANES = 6  # whole planes make 5 % more bytes than the best width of each list would, and half the work


class PostingLists(NamedTuple):
    """Keys, ascending, how many numbers each has (at least one), and the numbers, list after list."""

    keys: NDArray[np.uint64]
    counts: Ints
    doc_ids: DocIds


def encode(lists: PostingLists, universe: int) -> bytes:
    keys, counts, doc_ids = lists
    widths, highs = _layout(counts, universe)
    head = _varints(np.concatenate([_steps(keys), counts.astype(np.uint64)]))
    sizes = np.array([len(keys), len(head)], "<u4").tobytes() + keys[:1].astype("<u8").tobytes()
    each = np.repeat(widths.astype(np.uint32), counts)
    places = np.repeat(highs[:-1] - starts_of(counts)[:-1], counts)
    places += np.arange(len(doc_ids))
    places += doc_ids >> each
    ones = np.zeros(highs[-1], np.bool_)
    ones[places] = True
    parts = [sizes, head, np.packbits(ones).tobytes()]
    for shift in range(0, int(widths.max()), 4):
        has = each > shift
        values = (doc_ids if has.all() else doc_ids[has]) >> np.uint32(shift)
        parts.append(_nibbles(values.astype(np.uint8) & np.uint8(15)))
    return b"".join(parts)


class Block:
    """An encoded block: its keys and counts at once, the numbers when they are asked for."""

    def __init__(self, data: bytes, universe: int) -> None:
        size, head = (int(number) for number in np.frombuffer(data, "<u4", 2))
        numbers = _numbers(np.frombuffer(data, np.uint8, head, 16))
        self.keys = np.frombuffer(data, "<u8", 1, 8) + np.cumsum(numbers[:size])
        self.counts: Ints = numbers[size:].astype(np.int64)
        self._bits: Bytes = np.frombuffer(data, np.uint8, offset=16 + head)
        self._widths, self._highs = _layout(self.counts, universe)

    def doc_ids(self, first: int, last: int) -> DocIds:
        """The numbers of the lists from `first` up to, but without, `last`, list after list."""
        counts, begin, end = self.counts[first:last], int(self._highs[first]), int(self._highs[last])
        bits = np.unpackbits(self._bits[begin >> 3 : (end + 7) >> 3]).view(np.bool_)
        values = np.flatnonzero(bits[begin & 7 : (begin & 7) + end - begin]).astype(np.int32)
        values -= np.arange(len(values), dtype=np.int32)
        several = last > first + 1
        if several:
            values -= np.repeat((self._highs[first:last] - begin - starts_of(counts)[:-1]).astype(np.int32), counts)
            each = np.repeat(self._widths[first:last].astype(np.uint8), counts)
            values <<= each
        else:
            values <<= np.int32(self._widths[first])
        found = values.view(np.uint32)
        for shift, low in self._planes(first, last):
            if several and len(low) < len(found):
                found[each > shift] |= low.astype(np.uint32) << np.uint32(shift)
            else:
                found |= low.astype(np.uint32) << np.uint32(shift)
        return found

    def _planes(self, first: int, last: int) -> list[tuple[int, Bytes]]:
        """The low bits of these lists, four of each number, and by how much they are to be shifted."""
        planes, place = [], (int(self._highs[-1]) + 7) >> 3
        for shift in range(0, int(self._widths.max()), 4):
            starts = starts_of(np.where(self._widths > shift, self.counts, 0))
            begin, end = int(starts[first]), int(starts[last])
            if end > begin:
                pairs = self._bits[place + (begin >> 1) : place + (end + 1 >> 1)]
                low = np.empty(2 * len(pairs), np.uint8)
                low[::2], low[1::2] = pairs >> 4, pairs & 15
                planes.append((shift, low[begin & 1 :][: end - begin]))
            place += int(starts[-1]) + 1 >> 1
        return planes

    def lists(self) -> PostingLists:
        return PostingLists(self.keys, self.counts, self.doc_ids(0, len(self.keys)))


def starts_of(counts: Ints) -> Ints:
    """Where each list begins when they stand one after the other, and the end."""
    starts = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    return starts


def _layout(counts: Ints, universe: int) -> tuple[Ints, Ints]:
    """The width of each list that makes it shortest, and where its unary part begins, in bits, with the end."""
    widths = 4 * np.searchsorted(_steps_of(universe), -counts)
    return widths, starts_of(counts + ((universe - 1) >> widths))


@cache
def _steps_of(universe: int) -> Ints:
    """Minus the lengths of lists below which one more plane makes them shorter: four bits a number against 15/16 of the
    unary part."""
    return -np.array([(15 * universe >> 6 + 4 * plane) for plane in range(_PLANES)])


def _nibbles(values: Bytes) -> bytes:
    padded = values if len(values) % 2 == 0 else np.append(values, np.uint8(0))
    return (padded[::2] << np.uint8(4) | padded[1::2]).tobytes()


def _steps(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return np.concatenate([np.zeros(1, np.uint64), keys[1:] - keys[:-1]])


def _varints(values: NDArray[np.uint64]) -> bytes:
    """LEB128: seven bits a byte, the lowest first; the last byte of a number is below 128."""
    sizes = np.ones(len(values), np.int64)
    for bits in range(7, int(values.max()).bit_length(), 7):
        sizes += values >> np.uint64(bits) > 0
    starts = starts_of(sizes)
    data = np.zeros(starts[-1], np.uint8)
    for byte in range(int(sizes.max())):
        has = np.flatnonzero(sizes > byte)
        more = (sizes[has] > byte + 1).astype(np.uint8) << np.uint8(7)
        data[starts[has] + byte] = (values[has] >> np.uint64(7 * byte)).astype(np.uint8) & np.uint8(127) | more
    return data.tobytes()


def _numbers(data: Bytes) -> NDArray[np.uint64]:
    last = np.flatnonzero(data < 128)
    sizes = np.diff(last, prepend=-1)
    starts = last - sizes + 1
    within = np.arange(len(data)) - np.repeat(starts, sizes)
    parts = (data & 127).astype(np.uint64) << (7 * within).astype(np.uint64)
    return np.add.reduceat(parts, starts)
