"""How far one connection has come. Reports it to Prometheus, to the journal of connections and to the log."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial

import structlog

from ingest import metrics
from ingest.buffer.entries import Cursor
from ingest.events import Event
from ingest.models import Connection
from ingest.stream.connection_journal import ConnectionJournal
from ingest.stream.frames import FrameBatch, is_plausible
from ingest.stream.subscribe_request import SubscribeRequest, host_of
from process import heartbeats
from process.instants import now_us

log = structlog.get_logger("consumer")

WIRE = "v1"
GAP_US = 60_000_000
SAVE_SECONDS = 10


class ConnectionProgress:
    """The methods in the order of a connection's life. One that never opened leaves a log line and no row."""

    def __init__(self, request: SubscribeRequest, cursor: Cursor | None, journal: ConnectionJournal) -> None:
        self.host = host_of(request.url)
        self.cursor = cursor  # after the last event that Redis has acknowledged
        self._resumed_at = 0 if cursor is None else cursor.time_us
        self._request = request
        self._journal = journal
        self._row = Connection(host=self.host[:255], wire=WIRE, cursor_asked=request.cursor)
        self._open = False
        self._saved_at = time.monotonic()

    @property
    def advanced(self) -> bool:
        """Whether it brought anything new: a replay of what Redis has does not count."""
        return self.cursor is not None and self.cursor.time_us > self._resumed_at

    def opened(self) -> None:
        self._open = True
        self._row.opened_at = datetime.now(UTC)
        metrics.CONNECTED.set(1)
        metrics.CONNECTIONS.inc()
        heartbeats.tell(connected=True)
        log.info("connected", host=self.host, cursor=self._request.cursor)
        self._journal.save(self._row)

    def buffered(self, batch: FrameBatch, fill: float) -> None:
        """Redis has acknowledged the batch, and is `fill` full (0 to 1)."""
        count = len(batch.events) + len(batch.drops)
        _count(batch)
        metrics.BUFFER_FILL.set(fill)
        self.cursor = batch.cursor
        self._row.frames += count
        if batch.events:
            self._row.last_received = last_us = batch.events[-1][1].time_us
            heartbeats.tell(last_seen=last_us / 1e6)
            metrics.LAG.labels("received").set_function(partial(_lag_seconds, last_us))
        if self._row.first_received is None:
            self._note_first(batch)

    def save_due(self) -> bool:
        """Whether SAVE_SECONDS have passed since the last `save`."""
        return time.monotonic() - self._saved_at >= SAVE_SECONDS

    def save(self, depth: int) -> None:
        """`depth`: events that wait in the buffer."""
        self._saved_at = time.monotonic()
        metrics.BUFFER_DEPTH.set(depth)
        log.info("received", frames=self._row.frames, waiting=depth)
        self._journal.save(self._row)

    def closed(self, why: str) -> None:
        heartbeats.tell(connected=False, why_closed=why)
        log.info("disconnected" if self._open else "not connected", host=self.host, why=why, frames=self._row.frames)
        if self._open:
            metrics.CONNECTED.set(0)
            self._row.closed_at, self._row.why_closed = datetime.now(UTC), why[:300]
            self._journal.save(self._row)

    def _note_first(self, batch: FrameBatch) -> None:
        now = now_us()
        first = next((event.time_us for event, _ in batch.events if is_plausible(event, now)), None)
        if first is None:
            return
        gap = gap_us(self._request.time_us, first)
        self._row.first_received, self._row.gap_seconds = first, None if gap is None else gap / 1e6
        if gap is not None:
            metrics.GAPS.inc()
            log.warning(
                "gap: the first event came late, what lies between may be missing",
                host=self.host,
                seconds=gap / 1e6,
                asked=self._request.cursor,
            )
        self._journal.save(self._row)


def _count(batch: FrameBatch) -> None:
    for kind, (events, size) in by_kind(event for event, _ in batch.events).items():
        metrics.BUFFERED.labels(kind).inc(events)
        metrics.BUFFERED_BYTES.labels(kind).inc(size)
        metrics.RECEIVED.inc(events)
        metrics.RECEIVED_BYTES.inc(size)
    for drop in batch.drops:
        metrics.DROPPED.labels(drop.reason).inc()
        metrics.RECEIVED.inc()
        metrics.RECEIVED_BYTES.inc(len(drop.frame))


def by_kind(events: Iterable[Event]) -> dict[str, tuple[int, int]]:
    """How many, and the bytes of their frames, by kind."""
    counted: dict[str, tuple[int, int]] = {}
    for event in events:
        commit = event.commit
        kind = event.kind if commit is None else metrics.KINDS.get(commit.collection, metrics.OTHER)
        number, size = counted.get(kind, (0, 0))
        counted[kind] = number + 1, size + len(event.frame)
    return counted


def gap_us(expected: int | None, first: int) -> int | None:
    """How far the first event is after the expected time, if that is more than GAP_US; all in microseconds."""
    return first - expected if expected is not None and first - expected > GAP_US else None


def _lag_seconds(last_us: int) -> float:
    return (now_us() - last_us) / 1e6
