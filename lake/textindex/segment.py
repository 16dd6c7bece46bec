"""The text index's file: blocks of lists in order of their keys, then a directory. Written once, never changed.

    magic, blocks, first key of each block, where each begins and the last one ends, CRC32 of each, foot

Blocks and directory have a CRC32 each, looked at when they are first read: a damaged file is noticed, never believed.
It is read, not mapped: a disk that fails is an error then, not the end of the process.
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

from lake.textindex.postings import Block, PostingLists, encode, starts_of

BLOCK_KEYS = 256
BLOCK_DOC_IDS = 1 << 16  # about 60 KB; the last list of a block may make it longer
VERSION = 1  # of the format, and of what lake.textindex.ngrams takes for a gram
_MAGIC = b"BPX" + bytes([VERSION])
_FOOT = struct.Struct("<QQI4s")  # rows, blocks, CRC32 of the directory and of these two, magic
_NONE = np.zeros(0, np.uint32)


class IndexDamaged(Exception):
    """The file is not what was written: do without it, and build it anew."""


class SegmentInfo(NamedTuple):
    rows: int
    bytes: int
    sha256: str


class SegmentWriter:
    """Fills a file with lists whose keys ascend from call to call. `rows`: all doc_ids are below it."""

    def __init__(self, file: IO[bytes], rows: int) -> None:
        self._file, self._rows = file, rows
        self._digest = hashlib.sha256()
        self._size = 0
        self._firsts: list[int] = []
        self._places: list[int] = []
        self._checks: list[int] = []
        self._put(_MAGIC)

    def add(self, lists: PostingLists) -> None:
        starts, size = starts_of(lists.counts), len(lists.keys)
        if not size:
            return
        cells = starts[:-1] // BLOCK_DOC_IDS * (size + 1) + np.arange(size) // BLOCK_KEYS
        firsts = np.flatnonzero(np.diff(cells, prepend=-1)).tolist()
        for first, last in pairwise([*firsts, size]):
            doc_ids = lists.doc_ids[starts[first] : starts[last]]
            self.add_block(encode(PostingLists(lists.keys[first:last], lists.counts[first:last], doc_ids), self._rows))

    def add_block(self, data: bytes) -> None:
        """A block as it is, from an index of as many rows."""
        self._firsts.append(int.from_bytes(data[8:16], "little"))
        self._places.append(self._size)
        self._checks.append(zlib.crc32(data))
        self._put(data)

    def close(self) -> SegmentInfo:
        """Writes the directory and brings the file to the disk. It stays open."""
        directory = np.array([*self._firsts, *self._places, self._size], "<u8").tobytes()
        directory += np.array(self._checks, "<u4").tobytes()
        foot = struct.pack("<QQ", self._rows, len(self._firsts))
        self._put(directory + foot + struct.pack("<I", zlib.crc32(directory + foot)) + _MAGIC)
        self._file.flush()
        os.fsync(self._file.fileno())
        return SegmentInfo(self._rows, self._size, self._digest.hexdigest())

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self._size += len(data)


class SegmentReader:
    """One file. Any number of threads may use it. All methods raise IndexDamaged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise self._damage(str(error.strerror)) from error
        self.close = finalize(self, os.close, self._file)  # at the latest when nobody uses it any more
        self.rows, self.firsts, self._places, self._checks = self._directory()
        self._checked = np.zeros(len(self.firsts), np.bool_)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """The bytes of each block."""
        return np.diff(self._places)

    def data(self, number: int) -> bytes:
        """A block as it was written."""
        place, end = int(self._places[number]), int(self._places[number + 1])
        data = self._read(place, end - place)
        if not self._checked[number]:
            if zlib.crc32(data) != self._checks[number]:
                raise self._damage("a block is not what was written")
            self._checked[number] = True
        return data

    def block(self, number: int) -> Block:
        return Block(self.data(number), self.rows)

    def upto(self, limits: Iterable[int]) -> Iterator[PostingLists]:
        """All lists in pieces: those below each limit. Limits ascend."""
        rest, number = PostingLists(np.zeros(0, np.uint64), np.zeros(0, np.int64), _NONE), 0
        for limit in limits:
            blocks = [rest]
            while number < len(self.firsts) and int(self.firsts[number]) < limit:
                blocks.append(self.block(number).lists())
                number += 1
            every = PostingLists(*(np.concatenate(arrays) for arrays in zip(*blocks, strict=True)))
            cut = int(np.searchsorted(every.keys, np.uint64(limit)))
            place = int(every.counts[:cut].sum())
            rest = PostingLists(every.keys[cut:], every.counts[cut:], every.doc_ids[place:])
            yield PostingLists(every.keys[:cut], every.counts[:cut], every.doc_ids[:place])

    def _directory(self) -> tuple[int, NDArray[np.uint64], NDArray[np.int64], NDArray[np.uint32]]:
        size = os.fstat(self._file).st_size
        if size < len(_MAGIC) + _FOOT.size:
            raise self._damage("it is too short")
        rows, blocks, check, magic = _FOOT.unpack(self._read(size - _FOOT.size, _FOOT.size))
        length = 20 * blocks + 8
        if magic != _MAGIC or self._read(0, len(_MAGIC)) != _MAGIC or length > size - _FOOT.size:
            raise self._damage("it is no index of this version")
        data = self._read(size - _FOOT.size - length, length)
        if zlib.crc32(data + struct.pack("<QQ", rows, blocks)) != check:
            raise self._damage("its directory is not what was written")
        places = np.frombuffer(data, "<u8", blocks + 1, 8 * blocks).astype(np.int64)
        return rows, np.frombuffer(data, "<u8", blocks), places, np.frombuffer(data, "<u4", blocks, 16 * blocks + 8)

    def _read(self, place: int, size: int) -> bytes:
        try:
            data = os.pread(self._file, size, place)
        except OSError as error:
            raise self._damage(str(error.strerror)) from error
        if len(data) != size:
            raise self._damage("it is too short")
        return data

    def _damage(self, why: str) -> IndexDamaged:
        return IndexDamaged(f"{self._path} is damaged ({why}): do without it, and build it anew.")
