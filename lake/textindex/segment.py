"""The file format of the text index: stored posts, blocks of posting lists in key order, then a directory. Immutable.

    magic, blocks of stored posts, blocks of posting lists,
    directory: first key of each block of lists, offset of each and of their end, CRC32 of each,
               bytes of each block of stored posts, rows of each,
    footer

Blocks of lists and the directory are checked against their CRC32 at their first read, stored posts against their own
Adler-32 at each. The file is read, not mapped: a failing disk raises an error instead of killing the process.
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

from lake.textindex import stored_posts
from lake.textindex.postings import MAX_UNIVERSE, Block, DocIds, PostingLists, encode, offsets_of
from lake.textindex.stored_posts import StoredPosts

BLOCK_KEYS = 256
BLOCK_DOC_IDS = 1 << 16  # about 60 KB; the last list of a block may make it longer
VERSION = 3  # of the format, and of the grams of lake.textindex.ngrams
_MAGIC = b"BPX" + bytes([VERSION])
_FOOTER = struct.Struct("<QQQI4s")  # rows, blocks of lists, of posts, CRC32 of the directory and of these three, magic
_NO_LISTS = PostingLists(np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, np.uint32))


class IndexDamaged(Exception):
    """The file is missing or not as it was written: search without it and rebuild it."""


class SegmentInfo(NamedTuple):
    rows: int
    bytes: int
    sha256: str


class SegmentWriter:
    """Writes first all posts in the order of their doc ids, then their posting lists in ascending order of keys."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._size = 0
        self._stored_sizes: list[int] = []
        self._stored_rows: list[int] = []
        self._first_keys: list[int] = []
        self._offsets: list[int] = []
        self._checksums: list[int] = []
        self.rows = 0
        self._put(_MAGIC)

    def add_posts(self, posts: StoredPosts) -> None:
        for first in range(0, len(posts.rows), stored_posts.BLOCK_ROWS):
            part = slice(first, first + stored_posts.BLOCK_ROWS)
            rows = posts.rows[part]
            block = stored_posts.encode(StoredPosts(rows, posts.seen_us[part], posts.created_us[part]))
            self.add_stored(block, len(rows))

    def add_stored(self, data: bytes, rows: int) -> None:
        """An encoded block of so many posts. Raises ValueError for more than MAX_UNIVERSE in all."""
        self.rows += rows
        if self.rows > MAX_UNIVERSE:
            raise ValueError(f"An index holds at most {MAX_UNIVERSE:,} posts: index fewer files at once.")
        self._stored_sizes.append(len(data))
        self._stored_rows.append(rows)
        self._put(data)

    def add(self, lists: PostingLists) -> None:
        starts, size = offsets_of(lists.counts), len(lists.keys)
        if not size:
            return
        blocks = starts[:-1] // BLOCK_DOC_IDS * (size + 1) + np.arange(size) // BLOCK_KEYS
        firsts = np.flatnonzero(np.diff(blocks, prepend=-1)).tolist()
        for first, last in pairwise([*firsts, size]):
            doc_ids = lists.doc_ids[starts[first] : starts[last]]
            self.add_block(encode(PostingLists(lists.keys[first:last], lists.counts[first:last], doc_ids), self.rows))

    def add_block(self, data: bytes) -> None:
        """An encoded block of lists of an index of the same number of rows."""
        self._first_keys.append(int.from_bytes(data[8:16], "little"))
        self._offsets.append(self._size)
        self._checksums.append(zlib.crc32(data))
        self._put(data)

    def close(self) -> SegmentInfo:
        """Writes the directory and fsyncs. The file stays open."""
        directory = np.array([*self._first_keys, *self._offsets, self._size], "<u8").tobytes()
        directory += np.array([*self._checksums, *self._stored_sizes], "<u4").tobytes()
        directory += bytes(self._stored_rows)
        footer = struct.pack("<QQQ", self.rows, len(self._first_keys), len(self._stored_rows))
        self._put(directory + footer + struct.pack("<I", zlib.crc32(directory + footer)) + _MAGIC)
        self._file.flush()
        os.fsync(self._file.fileno())
        return SegmentInfo(self.rows, self._size, self._digest.hexdigest())

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self._size += len(data)


class _Directory(NamedTuple):
    """`first_ids`: the first doc id of each block of stored posts, and their number; `stored_offsets`: of these blocks
    and of their end."""

    first_keys: NDArray[np.uint64]
    offsets: NDArray[np.int64]
    checksums: NDArray[np.uint32]
    first_ids: NDArray[np.int64]
    stored_offsets: NDArray[np.int64]


class SegmentReader:
    """One index. Thread-safe. All methods raise IndexDamaged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise self._damage(str(error.strerror)) from error
        self.close = finalize(self, os.close, self._file)  # at the latest when it is garbage-collected
        self.rows, self._directory = self._read_directory()
        self.first_keys = self._directory.first_keys
        self._checked = np.zeros(len(self.first_keys), np.bool_)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Of each block of lists, in bytes."""
        return np.diff(self._directory.offsets)

    def data(self, number: int) -> bytes:
        """The encoded block of lists."""
        data = self._between(self._directory.offsets, number)
        if not self._checked[number]:
            if zlib.crc32(data) != self._directory.checksums[number]:
                raise self._damage("a block fails its checksum")
            self._checked[number] = True
        return data

    def block(self, number: int) -> Block:
        return Block(self.data(number), self.rows)

    def stored(self, doc_ids: DocIds) -> StoredPosts:
        """Of these posts, ascending."""
        numbers = self._directory.first_ids.searchsorted(doc_ids, "right") - 1
        found: list[bytes] = []
        seen, created = np.empty(len(doc_ids), np.int64), np.empty(len(doc_ids), np.int64)
        limits = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(doc_ids)] if len(doc_ids) else [0]
        for first, last in pairwise(limits):
            number = int(numbers[first])
            block, rows = self._stored_block(number), doc_ids[first:last] - self._directory.first_ids[number]
            found += map(block.row, rows.tolist())
            seen[first:last], created[first:last] = block.seen_us[rows], block.created_us[rows]
        return StoredPosts(found, seen, created)

    def stored_blocks(
        self, without: NDArray[np.bool_] | None = None, purged: NDArray[np.bool_] | None = None
    ) -> Iterator[tuple[bytes, int]]:
        """Each encoded block of posts and its rows, in the order of the doc ids; those marked in `without` have no
        row, those in `purged` no created time either. Both or none."""
        first_ids = self._directory.first_ids
        for number, (first, last) in enumerate(pairwise(first_ids.tolist())):
            if without is not None and purged is not None and (without | purged)[first:last].any():
                marked = (np.flatnonzero(marks[first:last]).tolist() for marks in (without, purged))
                yield self._stored_block(number).without(*marked), last - first
            else:
                yield self._between(self._directory.stored_offsets, number), last - first

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

    def _stored_block(self, number: int) -> stored_posts.Block:
        first_ids = self._directory.first_ids
        try:
            data = self._between(self._directory.stored_offsets, number)
            return stored_posts.Block(data, int(first_ids[number + 1] - first_ids[number]))
        except (zlib.error, ValueError) as error:
            raise self._damage("a block of stored posts can't be read") from error

    def _read_directory(self) -> tuple[int, _Directory]:
        size = os.fstat(self._file).st_size
        if size < len(_MAGIC) + _FOOTER.size:
            raise self._damage("it is too short")
        rows, blocks, stored, check, magic = _FOOTER.unpack(self._read(size - _FOOTER.size, _FOOTER.size))
        length = 20 * blocks + 8 + 5 * stored
        if magic != _MAGIC or self._read(0, len(_MAGIC)) != _MAGIC or length > size - _FOOTER.size:
            raise self._damage("not an index of this version")
        data = self._read(size - _FOOTER.size - length, length)
        if zlib.crc32(data + struct.pack("<QQQ", rows, blocks, stored)) != check:
            raise self._damage("its directory fails its checksum")
        return rows, _parsed(data, blocks, stored)

    def _between(self, offsets: NDArray[np.int64], number: int) -> bytes:
        return self._read(int(offsets[number]), int(offsets[number + 1] - offsets[number]))

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


def _parsed(data: bytes, blocks: int, stored: int) -> _Directory:
    after = 20 * blocks + 8
    return _Directory(
        np.frombuffer(data, "<u8", blocks),
        np.frombuffer(data, "<u8", blocks + 1, 8 * blocks).astype(np.int64),
        np.frombuffer(data, "<u4", blocks, 16 * blocks + 8),
        offsets_of(np.frombuffer(data, np.uint8, stored, after + 4 * stored).astype(np.int64)),
        len(_MAGIC) + offsets_of(np.frombuffer(data, "<u4", stored, after).astype(np.int64)),
    )
