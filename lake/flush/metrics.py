"""What the flusher tells Prometheus. Every series exists at zero from the start."""

from prometheus_client import Counter, Gauge, Histogram

from lake.schema import DATASETS
from process.metrics_server import SLOW_SECONDS

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


for _name in DATASETS:
    ROWS.labels(_name)
for _state in ("committed", "failed"):
    BATCHES.labels(_state)
LAG.labels("searchable")
