"""The log of a simulated server: all frames that it has produced, in order. Tests compare with it."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import BinaryIO

import msgspec

_BLOCK = 4096  # frames dropped from memory together


class Log:
    """Frames at positions 0, 1, 2, ...; at least the last `keep` are in memory.

    A frame costs its bytes and about 50 more. `copy`: a file that each frame is written to as a line.
    """

    def __init__(self, keep: int, copy: BinaryIO | None = None) -> None:
        self._keep, self._copy = keep, copy
        self._blocks: list[list[bytes]] = []
        self._highest: array[int] = array("q")  # the running maximum of time_us, of the frames in memory
        self.first = 0  # position of the oldest frame in memory
        self.end = 0  # position of the next frame

    def append(self, time_us: int, frame: bytes) -> None:
        if self.end % _BLOCK == 0:
            self._blocks.append([])
            if self.end - self.first >= self._keep + _BLOCK:
                self._forget()
        self._blocks[-1].append(frame)
        highest = self._highest
        highest.append(max(time_us, highest[-1]) if highest else time_us)
        self.end += 1
        if self._copy is not None:
            self._copy.write(frame + b"\n")

    def read(self, position: int, limit: int) -> list[bytes]:
        """Up to `limit` frames from `position` on; empty only at the end."""
        block, start = divmod(position - self.first, _BLOCK)
        return self._blocks[block][start : start + limit] if position < self.end else []

    def position_at(self, time_us: int) -> int:
        """The first position in memory where the running maximum of time_us is at least `time_us`."""
        return self.first + bisect_left(self._highest, time_us)

    def frames(self) -> list[bytes]:
        return [frame for block in list(self._blocks) for frame in list(block)]

    def flush(self) -> None:
        if self._copy is not None:
            self._copy.flush()

    def _forget(self) -> None:
        del self._blocks[0], self._highest[:_BLOCK]
        self.first += _BLOCK


class _Timed(msgspec.Struct):
    time_us: int


_decode = msgspec.json.Decoder(_Timed).decode


def time_of(frame: bytes) -> int:
    """The time_us of a frame. Raises msgspec.DecodeError when it is not a JSON object with one."""
    return _decode(frame).time_us


def timed(events: Iterable[bytes] | Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Each frame with its time_us; a frame without one, which a test may send, gets that of the frame before.

    Pairs pass unchanged.
    """
    time_us = 0
    for event in events:
        if isinstance(event, tuple):
            yield event
            continue
        with suppress(msgspec.DecodeError):
            time_us = time_of(event)
        yield time_us, event


class StoredEvents:
    """Events in memory, at little more than their bytes. Iterates like a World."""

    def __init__(self, events: Iterable[tuple[int, bytes]]) -> None:
        self._times: array[int] = array("q")
        self._frames: list[bytes] = []
        for time_us, frame in events:
            self._times.append(time_us)
            self._frames.append(frame)

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        return zip(self._times, self._frames, strict=True)

    def __len__(self) -> int:
        return len(self._frames)
