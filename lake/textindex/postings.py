"""Posting lists in Elias-Fano code, many lists to a block. Pure.

Of each doc id the low `width` bits are stored in 4-bit planes, the high bits unary in one bit vector: doc id number i
of a list sets bit (doc id >> width) + i of the list's part of that vector. The vector and each plane hold the lists one
after the other, so the lengths of all lists give each list's offset. `universe`: all doc ids of an index are below it.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
DocIds = NDArray[np.uint32]
Bytes = NDArray[np.uint8]
MAX_UNIVERSE = 1 << 24
_PLANES = 6  # widths in steps of 4 bits cost 5 % more bytes than the best width of each list, and half the work


class PostingLists(NamedTuple):
    """Keys, ascending; the length of each list, at least 1; the doc ids, ascending within each list, list after
    list."""

    keys: NDArray[np.uint64]
    counts: Ints
    doc_ids: DocIds


def encode(lists: PostingLists, universe: int) -> bytes:
    """One block of at least one list."""
    keys, counts, doc_ids = lists
    widths, high_offsets = _layout(counts, universe)
    head = _varints(np.concatenate([_deltas(keys), counts.astype(np.uint64)]))
    sizes = np.array([len(keys), len(head)], "<u4").tobytes() + keys[:1].astype("<u8").tobytes()
    width_of = np.repeat(widths.astype(np.uint32), counts)
    bits = np.repeat(high_offsets[:-1] - offsets_of(counts)[:-1], counts)
    bits += np.arange(len(doc_ids))
    bits += doc_ids >> width_of
    high = np.zeros(high_offsets[-1], np.bool_)
    high[bits] = True
    parts = [sizes, head, np.packbits(high).tobytes()]
    for shift in range(0, int(widths.max()), 4):
        has_plane = width_of > shift
        values = (doc_ids if has_plane.all() else doc_ids[has_plane]) >> np.uint32(shift)
        parts.append(_nibbles(values.astype(np.uint8) & np.uint8(15)))
    return b"".join(parts)


class Block:
    """An encoded block. Keys and counts are decoded at once, doc ids on demand."""

    def __init__(self, data: bytes, universe: int) -> None:
        size, head = (int(number) for number in np.frombuffer(data, "<u4", 2))
        numbers = _from_varints(np.frombuffer(data, np.uint8, head, 16))
        self.keys = np.frombuffer(data, "<u8", 1, 8) + np.cumsum(numbers[:size])
        self.counts: Ints = numbers[size:].astype(np.int64)
        self._bits: Bytes = np.frombuffer(data, np.uint8, offset=16 + head)
        self._widths, self._high_offsets = _layout(self.counts, universe)

    def doc_ids(self, first: int, last: int) -> DocIds:
        """Of the lists from `first` up to, but without, `last`, list after list."""
        counts, begin, end = self.counts[first:last], int(self._high_offsets[first]), int(self._high_offsets[last])
        bits = np.unpackbits(self._bits[begin >> 3 : (end + 7) >> 3]).view(np.bool_)
        values = np.flatnonzero(bits[begin & 7 : (begin & 7) + end - begin]).astype(np.int32)
        values -= np.arange(len(values), dtype=np.int32)
        several = last > first + 1
        if several:
            starts = self._high_offsets[first:last] - begin - offsets_of(counts)[:-1]
            values -= np.repeat(starts.astype(np.int32), counts)
            width_of = np.repeat(self._widths[first:last].astype(np.uint8), counts)
            values <<= width_of
        else:
            values <<= np.int32(self._widths[first])
        doc_ids = values.view(np.uint32)
        for shift, low in self._planes(first, last):
            if several and len(low) < len(doc_ids):
                doc_ids[width_of > shift] |= low.astype(np.uint32) << np.uint32(shift)
            else:
                doc_ids |= low.astype(np.uint32) << np.uint32(shift)
        return doc_ids

    def _planes(self, first: int, last: int) -> list[tuple[int, Bytes]]:
        """(shift, 4 bits of each doc id) of these lists; lists of a smaller width are not in the plane."""
        planes, offset = [], (int(self._high_offsets[-1]) + 7) >> 3
        for shift in range(0, int(self._widths.max()), 4):
            starts = offsets_of(np.where(self._widths > shift, self.counts, 0))
            begin, end = int(starts[first]), int(starts[last])
            if end > begin:
                pairs = self._bits[offset + (begin >> 1) : offset + (end + 1 >> 1)]
                low = np.empty(2 * len(pairs), np.uint8)
                low[::2], low[1::2] = pairs >> 4, pairs & 15
                planes.append((shift, low[begin & 1 :][: end - begin]))
            offset += int(starts[-1]) + 1 >> 1
        return planes

    def lists(self) -> PostingLists:
        return PostingLists(self.keys, self.counts, self.doc_ids(0, len(self.keys)))


def offsets_of(counts: Ints) -> Ints:
    """Where each of consecutive lists begins, and where the last one ends."""
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def _layout(counts: Ints, universe: int) -> tuple[Ints, Ints]:
    """The width that makes each list shortest, and the offsets of the lists in the bit vector."""
    widths = 4 * np.searchsorted(_plane_limits(universe), -counts)
    return widths, offsets_of(counts + ((universe - 1) >> widths))


@cache
def _plane_limits(universe: int) -> Ints:
    """Negated list lengths below which one more plane makes a list shorter: it costs 4 bits a doc id and saves 15/16 of
    the list's part of the bit vector."""
    return -np.array([(15 * universe >> 6 + 4 * plane) for plane in range(_PLANES)])


def _nibbles(values: Bytes) -> bytes:
    padded = values if len(values) % 2 == 0 else np.append(values, np.uint8(0))
    return (padded[::2] << np.uint8(4) | padded[1::2]).tobytes()


def _deltas(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return np.concatenate([np.zeros(1, np.uint64), keys[1:] - keys[:-1]])


def _varints(values: NDArray[np.uint64]) -> bytes:
    """LEB128: seven bits a byte, the lowest first; the last byte of a number is below 128."""
    sizes = np.ones(len(values), np.int64)
    for bits in range(7, int(values.max()).bit_length(), 7):
        sizes += values >> np.uint64(bits) > 0
    starts = offsets_of(sizes)
    data = np.zeros(starts[-1], np.uint8)
    for byte in range(int(sizes.max())):
        has = np.flatnonzero(sizes > byte)
        more = (sizes[has] > byte + 1).astype(np.uint8) << np.uint8(7)
        data[starts[has] + byte] = (values[has] >> np.uint64(7 * byte)).astype(np.uint8) & np.uint8(127) | more
    return data.tobytes()


def _from_varints(data: Bytes) -> NDArray[np.uint64]:
    last = np.flatnonzero(data < 128)
    sizes = np.diff(last, prepend=-1)
    starts = last - sizes + 1
    within = np.arange(len(data)) - np.repeat(starts, sizes)
    parts = (data & 127).astype(np.uint64) << (7 * within).astype(np.uint64)
    return np.add.reduceat(parts, starts)
