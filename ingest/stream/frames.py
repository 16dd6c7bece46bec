"""From frames to events, and the cursor after each. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from ingest.buffer.entries import Cursor
from ingest.events import EARLIEST_TIME_US, Drop, Event, read

AHEAD_US = 60_000_000  # clocks of hosts differ; a time_us further ahead is an error and must not move the cursor
SEQ_LIMIT = 10**15  # a host takes a larger cursor for a time_us


class FrameBatch(NamedTuple):
    """Events with the cursor after each, dead letters, and the cursor after all of them."""

    events: list[tuple[Event, Cursor]]
    drops: list[Drop]
    cursor: Cursor | None


def read_frames(frames: Iterable[bytes], cursor: Cursor | None, host: str, now: int) -> FrameBatch:
    """`cursor`: the one before these frames. `now`: microseconds since 1970."""
    events: list[tuple[Event, Cursor]] = []
    drops: list[Drop] = []
    unknown = Cursor(0, host)
    for frame in frames:
        event = read(frame)
        if isinstance(event, Drop):
            drops.append(event)
            continue
        cursor = advance_cursor(cursor, event, host, now)
        events.append((event, cursor or unknown))
    return FrameBatch(events, drops, cursor)


def advance_cursor(cursor: Cursor | None, event: Event, host: str, now: int) -> Cursor | None:
    """The cursor after this event: the highest plausible time_us, never ahead of `now`, and the seq on this host. None
    while no time_us was plausible."""
    time_us, seq, latest = event.time_us, event.seq, 0 if cursor is None else cursor.time_us
    if time_us < latest or not is_plausible(event, now):
        time_us = latest
    if seq is None or not 0 < seq < SEQ_LIMIT:
        seq = cursor.seq if cursor is not None and cursor.host == host else None
    if time_us > now:
        time_us = now
    return Cursor(time_us, host, seq) if time_us else None


def is_plausible(event: Event, now: int) -> bool:
    return EARLIEST_TIME_US <= event.time_us <= now + AHEAD_US
