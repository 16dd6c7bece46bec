"""The keys of a post: n-grams of its text and its author, as integers. Pure.

A gram is three consecutive characters, or two when both are wide: characters of scripts without spaces (Han, kana,
Hangul) or emoji. Each character of a text starts one gram; the text is padded with two END marks. A gram's key is the
low 16 bits of each code point. Collisions (Hangul with 𝓵𝓮𝓽𝓽𝓮𝓻𝓼) only add candidates.
"""

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]

END = 0  # in no indexed text: NUL is replaced by REPLACEMENT
REPLACEMENT = "\ufffd"
ROW_BITS = 16
KEYS = 1 << 48  # all keys are below it
# The low bits of emoji are 0xF000 to 0xFAFF. A change of these ranges makes all indexes wrong: raise segment.VERSION.
_WIDE_RANGES = ((0x1100, 0x11FF), (0x2E80, 0x9FFF), (0xA960, 0xA97F), (0xAC00, 0xD7FF), (0xE000, 0xFAFF),
                (0xFF66, 0xFFDC))  # fmt: skip
_WIDE = np.zeros(1 << 16, np.bool_)
for _low, _high in _WIDE_RANGES:
    _WIDE[_low : _high + 1] = True


class KeyRange(NamedTuple):
    """Keys from `low` to `high`, both included."""

    low: int
    high: int


def author_key(did: str) -> int:
    """32 bits: collisions only add candidates."""
    return zlib.crc32(f"author:{did}".encode())


def gram_pairs(texts: Sequence[str], authors: Sequence[str | None]) -> Keys:
    """The distinct keys of each text, as key << ROW_BITS | position of the text, ascending. At most 1 << ROW_BITS
    texts, in lower case, without NUL. A text without an author must be empty and gets no key."""
    points = _code_points("\0\0".join([*texts, ""]))
    ends = np.flatnonzero(points == END)[1::2]
    codes = points.astype(np.uint16)
    thirds, counted = _grams(codes)
    pairs = np.empty((len(thirds), 4), "<u2")  # four fields of 16 bits form one integer
    pairs[:, 3], pairs[:, 2], pairs[:, 1] = codes[:-2], codes[1:-1], thirds
    pairs[:, 0] = np.repeat(np.arange(len(texts), dtype=np.uint16), np.diff(ends, prepend=-1))[:-2]
    by_author = [author_key(did) << ROW_BITS | row for row, did in enumerate(authors) if did is not None]
    every = np.concatenate([np.array(by_author, np.uint64), pairs.view("<u8")[counted, 0]])
    every.sort()
    first = np.ones(len(every), np.bool_)
    np.not_equal(every[1:], every[:-1], out=first[1:])
    return every[first]


def gram_ranges(part: str) -> list[KeyRange]:
    """A text that contains this lower-case part has a key in each of these ranges. Empty when the part is too short to
    narrow."""
    codes = _code_points(part.replace("\0", REPLACEMENT)).astype(np.uint16)
    if len(codes) == 1 and _WIDE[codes[0]]:
        first = int(codes[0]) << 32
        return [KeyRange(first, first + (1 << 32) - 1)]
    thirds, counted = _grams(np.append(codes, np.uint16(END)))
    starts = np.flatnonzero(counted)
    keys = [int(codes[start]) << 32 | int(codes[start + 1]) << 16 | int(thirds[start]) for start in starts]
    if len(starts) and starts[-1] == len(codes) - 2 and not _WIDE[codes[-2:]].all():
        last = keys.pop()  # its third character is unknown
        if len(codes) == 2 and codes[1] != END:
            return [KeyRange(last, last | 0xFFFF)]
    return [KeyRange(key, key) for key in dict.fromkeys(keys)]


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), np.dtype("<u4"))


def _grams(codes: NDArray[np.uint16]) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    """For each position but the last two: the third character of its gram, and whether the gram counts. END starts
    none. A single character before END starts one only if it is wide: only wide characters are searched for alone."""
    wide = _WIDE[codes]
    thirds = np.where(wide[:-2] & wide[1:-1], np.uint16(END), codes[2:])
    return thirds, (codes[:-2] != END) & (wide[:-2] | (codes[1:-1] != END))
