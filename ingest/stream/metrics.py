"""What the consumer tells Prometheus. Every series exists at zero from the start."""

from prometheus_client import Counter, Gauge

from ingest.events import DropReason

RECEIVED = Counter(
    "ingest_frames_received_total",
    "Frames received from Jetstream. No rise for a minute: nothing is collected. Look at the consumer's log.",
)
DROPPED = Counter(
    "ingest_frames_dropped_total",
    "Frames that are not events, kept as dead letters. A rise is a changed wire or a bug of ours: look with "
    "inspect_buffer --dead-letters.",
    ["reason"],
)
BUFFERED = Counter(
    "ingest_events_buffered_total",
    "Events buffered: Redis has acknowledged them. The difference to the frames received is what was dropped.",
)
LAG = Gauge(
    "ingest_lag_seconds",
    "Now minus the newest seen at this stage. Rising: the host has stalled or replays slowly, or Redis is slow. Look "
    "at the consumer's log.",
    ["stage"],
)
CONNECTED = Gauge(
    "ingest_connected",
    "1 while a connection to a Jetstream host is open. 0 for a minute: no host can be reached, or the consumer waits "
    "for Redis. Look at its log.",
)
CONNECTIONS = Counter(
    "ingest_connections_total",
    "Connections opened. Several a minute: the hosts or the network close them. See why in the admin, at Connections.",
)
GAPS = Counter(
    "ingest_gaps_total",
    "Connections whose first event was more than 60 s after the cursor. Any: data may be missing. See the admin, at "
    "Connections.",
)
PAUSES = Counter(
    "ingest_pauses_total",
    "Times that the consumer stopped receiving because the buffer was above BUFFER_HIGH_WATER. Any: the flusher is too "
    "slow, or down. Look at its log.",
)
BUFFER_DEPTH = Gauge(
    "ingest_buffer_depth",
    "Events that wait in the buffer, read every 10 s. Rising over several flush intervals: the flusher is too slow, "
    "or down.",
)
BUFFER_FILL = Gauge(
    "ingest_buffer_fill_ratio",
    "Memory of Redis as a part of its maxmemory. At BUFFER_HIGH_WATER the consumer pauses: mend the flusher, or give "
    "Redis more.",
)

LAG.labels("received")
for _reason in DropReason:
    DROPPED.labels(_reason)
