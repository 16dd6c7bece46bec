"""The values that the buffer takes and returns."""

from dataclasses import dataclass
from typing import NamedTuple


class Cursor(NamedTuple):
    """A position in Jetstream. `seq` is valid on `host` only; `time_us` on every host, to within some seconds."""

    time_us: int
    host: str = ""
    seq: int | None = None

    def encode(self) -> bytes:
        return f"{self.time_us} {'' if self.seq is None else self.seq} {self.host}".encode()

    @classmethod
    def decode(cls, text: bytes) -> "Cursor":
        time_us, seq, host = text.decode().split(" ", 2)
        return cls(int(time_us), host, int(seq) if seq else None)


@dataclass(frozen=True)
class Entries:
    """Entries of the buffer, in order, as three lists of one length. An id is `<arrival in milliseconds>-<n>`; a cursor
    is an encoded Cursor, the position after the event."""

    ids: list[bytes]
    frames: list[bytes]
    cursors: list[bytes]

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, start: int, end: int) -> "Entries":
        return Entries(self.ids[start:end], self.frames[start:end], self.cursors[start:end])


class BufferState(NamedTuple):
    """`memory` and `max_memory`: bytes of the whole Redis. `oldest_ms`, `newest_ms`: arrival; None when it is empty."""

    depth: int
    dead_letters: int
    memory: int
    max_memory: int
    oldest_ms: int | None
    newest_ms: int | None

    @property
    def fill(self) -> float:
        return self.memory / self.max_memory if self.max_memory else 0.0


class DeadLetter(NamedTuple):
    """A frame that is not an event. `head`: its first 4 KiB; `length` and `sha256`: of the whole frame."""

    id: bytes
    reason: str
    length: int
    sha256: str
    head: bytes

    @property
    def whole(self) -> bool:
        return len(self.head) == self.length


class Totals(NamedTuple):
    """Counts since Redis was last empty, across restarts of ours. `dropped`: by reason, with those at zero."""

    received: int
    dropped: dict[str, int]


def arrival_ms(id_: bytes) -> int:
    """When the entry was appended, by the clock of Redis: milliseconds since 1970."""
    return int(id_.partition(b"-")[0])
