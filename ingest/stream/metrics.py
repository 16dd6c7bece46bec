"""What the consumer tells Prometheus. Every series exists at zero from the start."""

from prometheus_client import Counter, Gauge

from ingest.events import DropReason

RECEIVED = Counter(
    "ingest_frames_received_total",
    "Frames received from Jetstream. A rate of zero for a minute means that nothing is collected.",
)
DROPPED = Counter(
    "ingest_frames_dropped_total",
    "Frames that are no event, now dead letters. A rising rate means a changed wire: inspect_buffer --dead-letters.",
    ["reason"],
)
APPENDED = Counter("ingest_events_buffered_total", "Events that Redis has acknowledged.")
CONNECTED = Gauge("ingest_connected", "1 while a connection to a Jetstream host is open.")
CONNECTIONS = Counter(
    "ingest_connections_total", "Connections opened. A high rate means hosts that drop us, or a network that does."
)
GAPS = Counter(
    "ingest_gaps_total",
    "Connections whose first event came over 60 s after the cursor asked: data may be missing, see the admin.",
)
PAUSES = Counter(
    "ingest_pauses_total", "Times that the buffer was above its high-water mark: the flusher is too slow, or stopped."
)
LAG = Gauge("ingest_lag_seconds", "Now minus the newest seen that was received.")
BUFFER_DEPTH = Gauge("ingest_buffer_depth", "Events that wait in the buffer.")
BUFFER_FILL = Gauge("ingest_buffer_fill_ratio", "Memory of Redis as a part of its maxmemory.")

for _reason in DropReason:
    DROPPED.labels(_reason)
