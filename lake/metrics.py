"""The series of the flusher and of the compactor: all that this package exports itself."""

from lake.schema import FLUSHED
from process.metrics import counter, gauge, histogram

REASONS = ("closed", "late", "deleted", "asked")  # lake.compact.plan.Reason

# --- the flusher ---
ROWS = counter(
    "lake_rows_written_total",
    "Rows committed. No rise for two flush intervals: nothing becomes searchable, the operator looks at the flusher's "
    "log.",
    dataset=FLUSHED,
)
FILE_BYTES = counter("lake_bytes_written_total", "Bytes of the files of these rows. For information.", dataset=FLUSHED)
JSON_BYTES = counter(
    "lake_bytes_flushed_total",
    "Bytes of JSON of the events in committed batches. Divided by the bytes written: the compression at the first "
    "writing. A fall of that: the network sends other content; plan the disk anew.",
)
BATCHES = counter(
    "lake_batches_total",
    "Batches by outcome. Any failed one: the operator reads its error in the admin, at Batch runs. Its events are "
    "tried again.",
    state=["committed", "failed"],
)
BATCH_SECONDS = histogram(
    "lake_batch_seconds",
    "Duration of a batch, from its entries to its commit. Near FLUSH_INTERVAL_SECONDS: the machine is too small.",
)
DEDUPLICATED = counter(
    "lake_events_deduplicated_total",
    "Events dropped because the batch or the lake has them already. A rise after a reconnect is normal.",
)
TYPE_MISMATCHES = counter(
    "lake_type_mismatches_total",
    "Records with a value of another JSON type than its column, kept whole in extra. A steep rise: a lexicon has "
    "changed, report it.",
)
SET_ASIDE = counter(
    "lake_events_set_aside_total",
    "Events that could not be written and are dead letters now. Any: a bug, report it, and replay them after the fix.",
)
LAG = gauge(
    "lake_lag_seconds",
    "Now minus the newest seen at this stage, as of the last batch. Over two flush intervals: the operator looks at "
    "the flusher's log.",
    stage=["searchable"],
)
DEPTH = gauge(
    "lake_buffer_depth",
    "Events that wait in the buffer. Rising over several flush intervals: the flusher is too slow, the operator looks "
    "at its log.",
)

# --- the compactor ---
COMPACTIONS = counter(
    "lake_compactions_total",
    "Partitions rewritten: closed hours, late files, deletions in the daily pass, or what was asked for in the admin. "
    "No rise of closed for two hours: the operator looks at the compactor's log.",
    reason=REASONS,
)
COMPACTION_SECONDS = histogram(
    "lake_compaction_seconds",
    "Duration of one rewrite. Many over 100 s: the machine is too small, or its disk too busy.",
)
COMPACTION_BYTES = counter(
    "lake_compaction_bytes_total",
    "Bytes of the files replaced (in) and of the new ones (out). For information only.",
    direction=["in", "out"],
)
PURGED = counter(
    "lake_rows_purged_total",
    "Rows that lost their text because they or their accounts were deleted. For information only.",
)
PARTITIONS_WAITING = gauge(
    "lake_partitions_waiting", "Partitions that are due. Rising over hours: the machine is too small."
)
SUPERSEDED = gauge(
    "lake_superseded_files",
    "Replaced files that the sweep deletes after SWEEP_GRACE_SECONDS. Rising over hours: the operator looks at the "
    "compactor's log.",
)
OLDEST_TOMBSTONE = gauge(
    "lake_oldest_unapplied_tombstone_seconds",
    "Age of the first delete or newer version that files don't show yet; 0: there is none. Over 24 hours: the daily "
    "pass fails, the operator looks at the compactor's log.",
)

LABELS_JOINED = counter(
    "lake_labels_joined_total",
    "Labels that waited and were joined to their posts; not those of import_labels that need not wait. For information "
    "only.",
)
LABELS_WAITING = gauge(
    "lake_labels_waiting",
    "Labels that wait for their posts, as of the last look. For information only: each is given up after a day.",
)
LABELS_UNKNOWN = counter(
    "lake_labels_unknown_total",
    "Labels given up, as no post had come for a day. A steep rise: they are of posts that the lake never had; the "
    "operator tells whoever sends them. The admin lists them at Waiting labels.",
)

# --- both ---
ORPHANS = gauge(
    "lake_orphan_files",
    "Files in LAKE_ROOT/.orphans, which the catalog does not list. Above 0: the operator looks at them, then removes "
    "them.",
)

WRITERS = (ORPHANS,)
FLUSHER = (
    *(ROWS, FILE_BYTES, JSON_BYTES, BATCHES, BATCH_SECONDS, DEDUPLICATED, TYPE_MISMATCHES, SET_ASIDE),
    *(LAG, DEPTH),
)
COMPACTOR = (
    *(COMPACTIONS, COMPACTION_SECONDS, COMPACTION_BYTES, PURGED, PARTITIONS_WAITING, SUPERSEDED),
    *(OLDEST_TOMBSTONE, LABELS_JOINED, LABELS_WAITING, LABELS_UNKNOWN),
)
