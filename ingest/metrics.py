"""The series of the consumer: all that this package exports itself. The web process tells of the handles."""

from ingest.events import DropReason
from process.metrics import counter, gauge

KINDS = {
    "app.bsky.feed.post": "post",
    "app.bsky.feed.like": "like",
    "app.bsky.feed.repost": "repost",
    "app.bsky.graph.follow": "follow",
    "app.bsky.graph.block": "block",
    "app.bsky.actor.profile": "profile",
}
OTHER = "other"  # a commit to any other collection
ALL_KINDS = (*KINDS.values(), OTHER, "identity", "account")
RECONNECTS = ("unreachable", "idle", "closed", "redis_away", "buffer_full")

RECEIVED = counter(
    "ingest_frames_received_total",
    "Frames received from Jetstream. No rise for a minute: nothing is collected, the operator looks at the consumer's "
    "log.",
)
RECEIVED_BYTES = counter(
    "ingest_bytes_received_total",
    "Bytes of JSON of these frames. For information: what the line to the internet must carry.",
)
DROPPED = counter(
    "ingest_frames_dropped_total",
    "Frames that are not events, kept as dead letters. A rise is a changed wire or a bug of ours: the operator looks "
    "with inspect_buffer --dead-letters, and reports it.",
    reason=[reason for reason in DropReason if reason is not DropReason.POISON],  # that one is the flusher's
)
BUFFERED = counter(
    "ingest_events_buffered_total",
    "Events buffered: Redis has acknowledged them. Their sum is the frames received without the dropped ones. One kind "
    "alone goes flat: Bluesky has changed it, or JETSTREAM_COLLECTIONS leaves it out.",
    kind=ALL_KINDS,
)
BUFFERED_BYTES = counter(
    "ingest_bytes_buffered_total", "Bytes of JSON of these events. For planning the memory of Redis.", kind=ALL_KINDS
)
LAG = gauge(
    "ingest_lag_seconds",
    "Now minus the newest seen at this stage; 0 before the first event. Rising: the host has stalled or replays "
    "slowly, or Redis is slow. The operator looks at the consumer's log.",
    stage=["received"],
)
CONNECTED = gauge(
    "ingest_connected",
    "1 while a connection to a Jetstream host is open. 0 for a minute: no host can be reached, or the consumer waits "
    "for Redis. The operator looks at its log.",
)
CONNECTIONS = counter(
    "ingest_connections_total",
    "Connections opened. Several a minute: the hosts or the network close them; the reasons are in the next series.",
)
RECONNECTED = counter(
    "ingest_reconnects_total",
    "Connections that ended, or could not be opened, each followed by another try. unreachable, idle and closed are "
    "the host's or the network's: JETSTREAM_URLS should name several. redis_away and buffer_full are ours: the "
    "operator looks at Redis, or at the flusher.",
    reason=RECONNECTS,
)
GAPS = counter(
    "ingest_gaps_total",
    "Connections, since this process started, whose first event was more than 60 s after the cursor. Any: data may be "
    "missing, see the admin, at Connections.",
)
PAUSES = counter(
    "ingest_pauses_total",
    "Times that the consumer stopped receiving because the buffer was above BUFFER_HIGH_WATER. Any: the flusher is too "
    "slow, or down. The operator looks at its log.",
)
BUFFER_DEPTH = gauge(
    "ingest_buffer_depth",
    "Events that wait in the buffer, read every 10 s. Rising over several flush intervals: the flusher is too slow, or "
    "down.",
)
BUFFER_FILL = gauge(
    "ingest_buffer_fill_ratio",
    "Memory of Redis divided by its maxmemory. At BUFFER_HIGH_WATER the consumer pauses: the operator mends the "
    "flusher, or gives Redis more.",
)

CONSUMER = (
    *(RECEIVED, RECEIVED_BYTES, DROPPED, BUFFERED, BUFFERED_BYTES, LAG, CONNECTED, CONNECTIONS, RECONNECTED, GAPS),
    *(PAUSES, BUFFER_DEPTH, BUFFER_FILL),
)
