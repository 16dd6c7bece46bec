"""The file format of the text index: blocks of posting lists in key order, then a directory. Immutable.

    magic, blocks, first key of each block, offset of each block and of the end, CRC32 of each block, footer

Blocks and directory are checked against their CRC32 at their first read. The file is read, not mapped: a failing disk
raises an error instead of killing the process.
"""

import hashlib
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import IO, NamedTuple
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from lake.textindex.postings import Block, PostingLists, encode, offsets_of

BLOCK_KEYS = 256
BLOCK_DOC_IDS = 1 << 16  # about 60 KB; the last list of a block may make it longer
VERSION = 1  # of the format, and of the grams of lake.textindex.ngrams
_MAGIC = b"BPX" + bytes([VERSION])
_FOOTER = struct.Struct("<QQI4s")  # rows, blocks, CRC32 of the directory and of these two, magic
_NO_LISTS = PostingLists(np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, np.uint32))


class IndexDamaged(Exception):
    """The file is missing or not as it was written: search without it and rebuild it."""


class SegmentInfo(NamedTuple):
    rows: int
    bytes: int
    sha256: str


class SegmentWriter:
    """Writes posting lists in ascending order of their keys. All doc ids are below `rows`."""

    def __init__(self, file: IO[bytes], rows: int) -> None:
        self._file, self._rows = file, rows
        self._digest = hashlib.sha256()
        self._size = 0
        self._first_keys: list[int] = []
        self._offsets: list[int] = []
        self._checksums: list[int] = []
        self._put(_MAGIC)

    def add(self, lists: PostingLists) -> None:
        starts, size = offsets_of(lists.counts), len(lists.keys)
        if not size:
            return
        blocks = starts[:-1] // BLOCK_DOC_IDS * (size + 1) + np.arange(size) // BLOCK_KEYS
        firsts = np.flatnonzero(np.diff(blocks, prepend=-1)).tolist()
        for first, last in pairwise([*firsts, size]):
            doc_ids = lists.doc_ids[starts[first] : starts[last]]
            self.add_block(encode(PostingLists(lists.keys[first:last], lists.counts[first:last], doc_ids), self._rows))

    def add_block(self, data: bytes) -> None:
        """An encoded block of an index of the same number of rows."""
        self._first_keys.append(int.from_bytes(data[8:16], "little"))
        self._offsets.append(self._size)
        self._checksums.append(zlib.crc32(data))
        self._put(data)

    def close(self) -> SegmentInfo:
        """Writes the directory and fsyncs. The file stays open."""
        directory = np.array([*self._first_keys, *self._offsets, self._size], "<u8").tobytes()
        directory += np.array(self._checksums, "<u4").tobytes()
        footer = struct.pack("<QQ", self._rows, len(self._first_keys))
        self._put(directory + footer + struct.pack("<I", zlib.crc32(directory + footer)) + _MAGIC)
        self._file.flush()
        os.fsync(self._file.fileno())
        return SegmentInfo(self._rows, self._size, self._digest.hexdigest())

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self._size += len(data)


class SegmentReader:
    """One index. Thread-safe. All methods raise IndexDamaged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise self._damage(str(error.strerror)) from error
        self.close = finalize(self, os.close, self._file)  # at the latest when it is garbage-collected
        self.rows, self.first_keys, self._offsets, self._checksums = self._directory()
        self._checked = np.zeros(len(self.first_keys), np.bool_)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Of each block, in bytes."""
        return np.diff(self._offsets)

    def data(self, number: int) -> bytes:
        """The encoded block."""
        offset, end = int(self._offsets[number]), int(self._offsets[number + 1])
        data = self._read(offset, end - offset)
        if not self._checked[number]:
            if zlib.crc32(data) != self._checksums[number]:
                raise self._damage("a block fails its checksum")
            self._checked[number] = True
        return data

    def block(self, number: int) -> Block:
        return Block(self.data(number), self.rows)

    def split(self, limits: Iterable[int]) -> Iterator[PostingLists]:
        """All lists, one slice for each limit: the keys below it. Limits ascend."""
        rest, number = _NO_LISTS, 0
        for limit in limits:
            blocks = [rest]
            while number < len(self.first_keys) and int(self.first_keys[number]) < limit:
                blocks.append(self.block(number).lists())
                number += 1
            keys, counts, doc_ids = (np.concatenate(arrays) for arrays in zip(*blocks, strict=True))
            cut = int(np.searchsorted(keys, np.uint64(limit)))
            end = int(counts[:cut].sum())
            rest = PostingLists(keys[cut:], counts[cut:], doc_ids[end:])
            yield PostingLists(keys[:cut], counts[:cut], doc_ids[:end])

    def _directory(self) -> tuple[int, NDArray[np.uint64], NDArray[np.int64], NDArray[np.uint32]]:
        size = os.fstat(self._file).st_size
        if size < len(_MAGIC) + _FOOTER.size:
            raise self._damage("it is too short")
        rows, blocks, check, magic = _FOOTER.unpack(self._read(size - _FOOTER.size, _FOOTER.size))
        length = 20 * blocks + 8
        if magic != _MAGIC or self._read(0, len(_MAGIC)) != _MAGIC or length > size - _FOOTER.size:
            raise self._damage("not an index of this version")
        data = self._read(size - _FOOTER.size - length, length)
        if zlib.crc32(data + struct.pack("<QQ", rows, blocks)) != check:
            raise self._damage("its directory fails its checksum")
        offsets = np.frombuffer(data, "<u8", blocks + 1, 8 * blocks).astype(np.int64)
        return rows, np.frombuffer(data, "<u8", blocks), offsets, np.frombuffer(data, "<u4", blocks, 16 * blocks + 8)

    def _read(self, offset: int, size: int) -> bytes:
        try:
            data = os.pread(self._file, size, offset)
        except OSError as error:
            raise self._damage(str(error.strerror)) from error
        if len(data) != size:
            raise self._damage("it is too short")
        return data

    def _damage(self, reason: str) -> IndexDamaged:
        return IndexDamaged(f"{self._path} is damaged ({reason}): search without it and rebuild it.")
