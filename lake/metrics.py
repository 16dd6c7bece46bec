"""What the flusher and the compactor tell Prometheus. Every series exists at zero from the start."""

from prometheus_client import Counter, Gauge, Histogram

from lake.planning import Why
from lake.schema import DATASETS

SLOW_SECONDS = (0.1, 0.3, 1, 3, 10, 30, 100, 300)

ROWS = Counter(
    "lake_rows_written_total", "Rows committed. Zero for two intervals: look at the flusher's log.", ["dataset"]
)
BATCHES = Counter("lake_batches_total", "Batches by outcome. Any failed one has its error in the admin.", ["state"])
BATCH_SECONDS = Histogram("lake_batch_seconds", "Time from reading a batch to its trim.", buckets=SLOW_SECONDS)
DUPLICATES = Counter("lake_duplicates_total", "Events that the lake had already: normal after a reconnect.")
MISFITS = Counter("lake_misfits_total", "Records with a field of another type than its column, kept whole in extra.")
POISONED = Counter(
    "lake_poisoned_total", "Events that could not be written and are dead letters now. Each is a bug of ours."
)
LAG = Gauge("lake_lag_seconds", "Now minus the newest seen at this stage.", ["stage"])
DEPTH = Gauge("lake_buffer_depth", "Events that wait in the buffer for the flusher.")

COMPACTIONS = Counter(
    "lake_compactions_total",
    "Files that took the place of others: of a closed hour, for late files, or for deletions in the daily pass.",
    ["why"],
)
COMPACTION_SECONDS = Histogram("lake_compaction_seconds", "Time that one of these took.", buckets=SLOW_SECONDS)
COMPACTION_BYTES = Counter("lake_compaction_bytes_total", "Bytes of the files replaced and of the new ones.", ["way"])
PURGED = Counter("lake_rows_purged_total", "Rows that lost their text because they or their accounts were deleted.")
PARTITIONS_WAITING = Gauge(
    "lake_partitions_waiting", "Datasets' hours that are due. Rising over hours: the machine is too small."
)
SUPERSEDED = Gauge("lake_superseded_files", "Replaced files that wait for the end of their grace.")
OLDEST_TOMBSTONE = Gauge(
    "lake_oldest_unapplied_tombstone_seconds",
    "Age of the first delete or newer version that the daily pass has not applied. Over 24 hours: look at its log.",
)

for _name in DATASETS:
    ROWS.labels(_name)
for _state in ("committed", "failed"):
    BATCHES.labels(_state)
for _why in Why:
    COMPACTIONS.labels(_why)
for _way in ("in", "out"):
    COMPACTION_BYTES.labels(_way)
LAG.labels("searchable")
