"""What the buffer holds and says of itself: values without a connection."""

from dataclasses import dataclass
from typing import NamedTuple


class Cursor(NamedTuple):
    """A position in Jetstream. `seq` counts on `host` only; `time_us` holds on every host, within some seconds."""

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
    """Events in the buffer, in its order, as three lists of one length: an id is `<arrival in milliseconds>-<n>`, a
    cursor the position after the event."""

    ids: list[bytes]
    frames: list[bytes]
    cursors: list[bytes]

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, start: int, end: int) -> "Entries":
        return Entries(self.ids[start:end], self.frames[start:end], self.cursors[start:end])


class BufferState(NamedTuple):
    """Figures of the buffer; memory is of the whole Redis, in bytes."""

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
    """A frame that is no event: `head` holds its first 4 KiB, `length` and `sha256` are of the whole frame."""

    id: bytes
    reason: str
    length: int
    sha256: str
    head: bytes

    @property
    def whole(self) -> bool:
        return len(self.head) == self.length


class Totals(NamedTuple):
    """Counted since this Redis was new, over all restarts of ours. `dropped`: all reasons, also those at zero."""

    received: int
    dropped: dict[str, int]


def arrival_ms(id_: bytes) -> int:
    """The clock of Redis when the entry was appended, in milliseconds since 1970."""
    return int(id_.partition(b"-")[0])
