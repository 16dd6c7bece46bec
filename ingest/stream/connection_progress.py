"""What one connection has brought so far, as the metrics, the journal of connections and the log tell it."""

import time
from functools import partial

import structlog

from ingest.buffer.entries import Cursor
from ingest.stream import metrics
from ingest.stream.connection_journal import ConnectionJournal
from ingest.stream.frames import FrameBatch, is_plausible
from ingest.stream.jetstream import SubscribeRequest, host_of
from process.instants import now_us

log = structlog.get_logger("consumer")

GAP_US = 60_000_000
SAVE_SECONDS = 10


def gap_us(asked: int | None, first: int) -> int | None:
    """How long after the time asked the first event came, when that is too long."""
    return first - asked if asked is not None and first - asked > GAP_US else None


def _lag(last_us: int) -> float:
    return (now_us() - last_us) / 1e6


class ConnectionProgress:
    """Nothing is told of a connection that never opened, but why."""

    def __init__(self, ask: SubscribeRequest, cursor: Cursor | None, journal: ConnectionJournal) -> None:
        self.host = host_of(ask.url)
        self.frames = 0
        self.cursor = cursor  # after all that Redis has acknowledged
        self._began = cursor
        self._ask = ask
        self._journal = journal
        self._open = False
        self._first: int | None = None
        self._last: int | None = None
        self._saved = time.monotonic()

    @property
    def advanced(self) -> bool:
        """Whether we came further than before: a replay of what we have is no news."""
        return self.cursor is not None and (self._began is None or self.cursor.time_us > self._began.time_us)

    def opened(self) -> None:
        self._open = True
        metrics.CONNECTED.set(1)
        metrics.CONNECTIONS.inc()
        log.info("connected", host=self.host, cursor=self._ask.cursor)
        self._journal.opened(self.host, self._ask.cursor)

    def closed(self, why: str) -> None:
        log.info("disconnected" if self._open else "not connected", host=self.host, why=why, frames=self.frames)
        if self._open:
            metrics.CONNECTED.set(0)
            self._journal.closed(why, frames=self.frames, last_received=self._last)

    def buffered(self, batch: FrameBatch, fill: float) -> None:
        """To be called when Redis has acknowledged the batch and is so full."""
        count = len(batch.events) + len(batch.drops)
        self.frames += count
        self.cursor = batch.cursor
        metrics.RECEIVED.inc(count)
        metrics.APPENDED.inc(len(batch.events))
        metrics.BUFFER_FILL.set(fill)
        for drop in batch.drops:
            metrics.DROPPED.labels(drop.reason).inc()
        if batch.events:
            self._note_times(batch)

    def due(self) -> bool:
        """Whether it is time to `save`: every SAVE_SECONDS."""
        return time.monotonic() - self._saved >= SAVE_SECONDS

    def save(self, depth: int) -> None:
        """`depth`: events that wait in the buffer."""
        self._saved = time.monotonic()
        metrics.BUFFER_DEPTH.set(depth)
        self._journal.progress(frames=self.frames, last_received=self._last)
        log.info("received", frames=self.frames, waiting=depth)

    def _note_times(self, batch: FrameBatch) -> None:
        self._last = batch.events[-1][1].time_us
        metrics.LAG.set_function(partial(_lag, self._last))
        if self._first is None:
            now = now_us()
            self._first = next((event.time_us for event, _ in batch.events if is_plausible(event, now)), None)
            if self._first is not None:
                self._note_gap(self._first)

    def _note_gap(self, first: int) -> None:
        gap = gap_us(self._ask.time_us, first)
        seconds = None if gap is None else gap / 1e6
        if seconds is not None:
            metrics.GAPS.inc()
            log.warning(
                "gap: the first event came late, what lies between may be missing",
                host=self.host,
                seconds=seconds,
                asked=self._ask.cursor,
            )
        self._journal.progress(first_received=first, gap_seconds=seconds)
