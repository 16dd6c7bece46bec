"""Dead letters that a mended version can read are fed in again."""

from typing import NamedTuple

from ingest.buffer.redis_stream import Buffer
from ingest.events import Event, read


class Replayed(NamedTuple):
    """Counts of dead letters: `moved` to the buffer, `still` no events, `cut`: stored in part."""

    moved: int
    still: int
    cut: int

    def __str__(self) -> str:
        return f"{self.moved:,} replayed, {self.still:,} still not events, {self.cut:,} stored in part"


def replay(buffer: Buffer) -> Replayed:
    """Reads all dead letters again, by the present version; those that are events by now move to the buffer."""
    letters = buffer.dead_letters()
    whole = [letter for letter in letters if letter.whole]
    events = [letter for letter in whole if isinstance(read(letter.head), Event)]
    moved = buffer.replay(events) if events else 0
    return Replayed(moved, len(whole) - len(events), len(letters) - len(whole))
