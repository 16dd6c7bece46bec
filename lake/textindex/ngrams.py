"""What the text index knows a post by: the grams of its text and names, as numbers. Pure.

A gram is three characters in a row, or two where both are wide: signs of scripts without spaces (Han, kana, Hangul) or
emoji. Each character of a text begins one gram; two END marks stand after the last. A gram's key has 16 bits of each
character, the low ones of its code point: what that confuses (Hangul with 𝓵𝓮𝓽𝓽𝓮𝓻𝓼) only widens what is found.
"""

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]

END = 0  # no text that is indexed holds it: NUL is written as REPLACEMENT
REPLACEMENT = "\ufffd"
ROW_BITS = 16
KEYS = 1 << 48  # all keys are below it
_WIDE_RANGES = ((0x1100, 0x11FF), (0x2E80, 0x9FFF), (0xA960, 0xA97F), (0xAC00, 0xD7FF), (0xE000, 0xFAFF),
                (0xFF66, 0xFFDC))  # fmt: skip
# Emoji fold to 0xF000 to 0xFAFF. A change of these makes all indexes wrong: raise inverted.VERSION.
_WIDE = np.zeros(1 << 16, np.bool_)
for _low, _high in _WIDE_RANGES:
    _WIDE[_low : _high + 1] = True


class KeyRange(NamedTuple):
    """The keys from `low` to `high`, both included."""

    low: int
    high: int


def name_key(kind: str, value: str) -> int:
    """The key of a name that a post is found by. Names that share one only widen."""
    return zlib.crc32(f"{kind}:{value}".encode())


def gram_pairs(texts: Sequence[str], names: Sequence[int | None]) -> Keys:
    """Each key of each text once, as key << ROW_BITS | number of the text, ascending. At most 1 << ROW_BITS texts,
    lower-cased, without NUL. `names`: the name_key() of each; None where a post is not to be found: its text is ""."""
    points = _points("\0\0".join([*texts, ""]))
    ends = np.flatnonzero(points == END)[1::2]
    codes = points.astype(np.uint16)
    thirds, kept = _grams(codes)
    found = np.empty((len(thirds), 4), "<u2")  # four places of 16 bits are one number
    found[:, 3], found[:, 2], found[:, 1] = codes[:-2], codes[1:-1], thirds
    found[:, 0] = np.repeat(np.arange(len(texts), dtype=np.uint16), np.diff(ends, prepend=-1))[:-2]
    named = [key << ROW_BITS | row for row, key in enumerate(names) if key is not None]
    every = np.concatenate([np.array(named, np.uint64), found.view("<u8")[kept, 0]])
    every.sort()
    first = np.ones(len(every), np.bool_)
    np.not_equal(every[1:], every[:-1], out=first[1:])
    return every[first]


def gram_ranges(part: str) -> list[KeyRange]:
    """What a text must have that holds this part, lower-cased: a key of each range. Empty when the part is too short to
    say anything."""
    codes = _points(part.replace("\0", REPLACEMENT)).astype(np.uint16)
    if len(codes) == 1 and _WIDE[codes[0]]:
        first = int(codes[0]) << 32
        return [KeyRange(first, first + (1 << 32) - 1)]
    thirds, kept = _grams(np.append(codes, np.uint16(END)))
    places = np.flatnonzero(kept)
    keys = [int(codes[place]) << 32 | int(codes[place + 1]) << 16 | int(thirds[place]) for place in places]
    if len(places) and places[-1] == len(codes) - 2 and not _WIDE[codes[-2:]].all():
        last = keys.pop()  # its third character is not known
        if len(codes) == 2 and codes[1] != END:
            return [KeyRange(last, last | 0xFFFF)]
    return [KeyRange(key, key) for key in dict.fromkeys(keys)]


def _points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), np.dtype("<u4"))


def _grams(codes: NDArray[np.uint16]) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    """For each place but the last two: the third character of its gram, and whether it counts. END begins none, and one
    character before it only where single characters are looked for: when it is wide."""
    wide = _WIDE[codes]
    thirds = np.where(wide[:-2] & wide[1:-1], np.uint16(END), codes[2:])
    return thirds, (codes[:-2] != END) & (wide[:-2] | (codes[1:-1] != END))
