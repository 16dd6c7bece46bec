"""What the compactor tells Prometheus. Every series exists at zero from the start."""

from prometheus_client import Counter, Gauge, Histogram

from lake.compact.plan import Reason
from process.metrics_server import SLOW_SECONDS

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

for _why in Reason:
    COMPACTIONS.labels(_why)
for _way in ("in", "out"):
    COMPACTION_BYTES.labels(_way)
