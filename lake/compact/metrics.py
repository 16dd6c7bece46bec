"""What the compactor exports to Prometheus. Every series exists at zero from the start."""

from prometheus_client import Counter, Gauge, Histogram

from lake.compact.plan import Reason
from process.metrics_server import SLOW_SECONDS

COMPACTIONS = Counter(
    "lake_compactions_total",
    "Partitions rewritten: closed hours, late files, or deletions in the daily pass. No rise of closed for two hours: "
    "check the compactor's log.",
    ["reason"],
)
COMPACTION_SECONDS = Histogram(
    "lake_compaction_seconds",
    "Duration of one rewrite. Many over 100 s: the machine is too small, or its disk too busy.",
    buckets=SLOW_SECONDS,
)
COMPACTION_BYTES = Counter(
    "lake_compaction_bytes_total",
    "Bytes of the files replaced (in) and of the new ones (out). For information only.",
    ["direction"],
)
PURGED = Counter(
    "lake_rows_purged_total",
    "Rows that lost their text because they or their accounts were deleted. For information only.",
)
PARTITIONS_WAITING = Gauge(
    "lake_partitions_waiting", "Partitions that are due. Rising over hours: the machine is too small."
)
SUPERSEDED = Gauge(
    "lake_superseded_files",
    "Replaced files that the sweep deletes after SWEEP_GRACE_SECONDS. Rising over hours: check the compactor's log.",
)
OLDEST_TOMBSTONE = Gauge(
    "lake_oldest_unapplied_tombstone_seconds",
    "Age of the first delete or newer version that files don't show yet. Over 24 hours: the daily pass fails, check "
    "the compactor's log.",
)

for _reason in Reason:
    COMPACTIONS.labels(_reason)
for _direction in ("in", "out"):
    COMPACTION_BYTES.labels(_direction)
