"""What the flusher exports to Prometheus. Every series exists at zero from the start."""

from prometheus_client import Counter, Gauge, Histogram

from lake.schema import DATASETS
from process.metrics_server import SLOW_SECONDS

ROWS = Counter(
    "lake_rows_written_total",
    "Rows committed. No rise for two flush intervals: nothing becomes searchable, check the flusher's log.",
    ["dataset"],
)
BATCHES = Counter(
    "lake_batches_total",
    "Batches by outcome. Any failed one: read its error in the admin, at Batch runs. Its events are tried again.",
    ["state"],
)
BATCH_SECONDS = Histogram(
    "lake_batch_seconds",
    "Duration of a batch, from its entries to its commit. Near FLUSH_INTERVAL_SECONDS: the machine is too small.",
    buckets=SLOW_SECONDS,
)
DEDUPLICATED = Counter(
    "lake_events_deduplicated_total",
    "Events dropped because the batch or the lake has them already. A rise after a reconnect is normal.",
)
TYPE_MISMATCHES = Counter(
    "lake_type_mismatches_total",
    "Records with a value of another JSON type than its column, kept whole in extra. A steep rise: a lexicon has "
    "changed, report it.",
)
SET_ASIDE = Counter(
    "lake_events_set_aside_total",
    "Events that could not be written and are dead letters now. Any: a bug, report it, and replay them after the fix.",
)
LAG = Gauge(
    "lake_lag_seconds",
    "Now minus the newest seen at this stage, as of the last batch. Over two flush intervals: check the flusher's log.",
    ["stage"],
)
DEPTH = Gauge(
    "lake_buffer_depth",
    "Events that wait in the buffer. Rising over several flush intervals: the flusher is too slow, check its log.",
)


for _name in DATASETS:
    ROWS.labels(_name)
for _state in ("committed", "failed"):
    BATCHES.labels(_state)
LAG.labels("searchable")
