"""From Jetstream to the answers: the panels come in the order in which events pass."""

from deploy.grafana.panel import Dashboard, Row, panel

PIPELINE = Dashboard(
    "pipeline",
    "Pipeline",
    "now-6h",
    Row(
        "The whole",
        panel(
            "Lag of each stage",
            "s",
            ("{{stage}}", "max by (stage) (api_lag_seconds)"),
            note="Now minus the newest seen that is received or searchable; buffered: the age of "
            "the oldest event in the buffer. The first stage that rises is at fault.",
        ),
        panel(
            "Since the last heartbeat",
            "s",
            ("{{process}}", "api_heartbeat_age_seconds"),
            note="Above 15 s a process hangs or is stopped.",
        ),
        panel(
            "Alerts",
            "short",
            ("firing", 'count(ALERTS{alertstate="firing"}) or vector(0)'),
            ("unhandled errors, last hour", "sum(process:unhandled_errors:increase_1h)"),
        ),
    ),
    Row(
        "Ingest",
        panel(
            "Frames and events a second",
            "short",
            ("frames received", "sum(rate(ingest_frames_received_total[$__rate_interval]))"),
            ("events buffered", "sum(avg_over_time(kind:events_buffered:rate_1m[$__rate_interval]))"),
            ("frames dropped", "sum(rate(ingest_frames_dropped_total[$__rate_interval]))"),
            note="Between received and buffered are only those that are dropped.",
        ),
        panel(
            "Events by kind",
            "short",
            ("{{kind}}", "avg_over_time(kind:events_buffered:rate_1m[$__rate_interval])"),
        ),
        panel(
            "Bytes of JSON a second",
            "Bps",
            ("received", "sum(rate(ingest_bytes_received_total[$__rate_interval]))"),
            ("buffered", "avg_over_time(buffer:bytes_buffered:rate_1m[$__rate_interval])"),
        ),
        panel(
            "Connection",
            "short",
            ("connected", "max(ingest_connected)"),
            ("reconnects, {{reason}}", "sum by (reason) (increase(ingest_reconnects_total[$__rate_interval]))"),
            ("gaps, last hour", "sum(increase(api_gaps_total[1h]))"),
            note="A gap: Jetstream no longer had the events after our cursor.",
        ),
    ),
    Row(
        "Buffer",
        panel("Events in the buffer", "short", ("waiting", "max(api_buffer_depth)")),
        panel(
            "Memory of the buffer",
            "percentunit",
            ("used", "max(api_buffer_fill_ratio)"),
            note="At BUFFER_HIGH_WATER (0.8) the consumer pauses.",
        ),
        panel("Dead letters", "short", ("kept", "max(api_dead_letters)"), note="At most 10,000 are kept."),
    ),
    Row(
        "Lake",
        panel(
            "Rows written a second",
            "short",
            ("{{dataset}}", "avg_over_time(dataset:rows_written:rate_1m[$__rate_interval])"),
        ),
        panel(
            "Seconds of a batch",
            "s",
            ("last", "max(api_last_batch_seconds)"),
            ("95 % of an hour", "batch:seconds:p95_1h"),
            note="Should stay below 30 s.",
        ),
        panel(
            "Batches a minute",
            "short",
            ("{{state}}", "sum by (state) (rate(api_batches_total[$__rate_interval])) * 60"),
        ),
        panel("Bytes in listed files", "bytes", ("{{dataset}}", "max by (dataset) (api_lake_bytes)")),
        panel("Rows in listed files", "short", ("{{dataset}}", "max by (dataset) (api_lake_rows)")),
        panel("Listed files", "short", ("{{dataset}}", "max by (dataset) (api_lake_files)")),
        panel(
            "JSON per byte in files",
            "short",
            ("compression", "max(api_compression_ratio)"),
            note="5 means that files are 80 % smaller than the JSON.",
        ),
        panel(
            "Compaction",
            "short",
            ("partitions waiting", "max(lake_partitions_waiting)"),
            ("superseded files", "max(lake_superseded_files)"),
            ("orphans", "max(lake_orphan_files)"),
            ("rewrites, {{reason}}", "sum by (reason) (increase(lake_compactions_total[$__rate_interval]))"),
        ),
        panel(
            "Oldest delete that is not applied",
            "s",
            ("age", "max(lake_oldest_unapplied_tombstone_seconds)"),
            note="Must stay below a day.",
        ),
        panel("Rows purged a second", "short", ("purged", "sum(rate(lake_rows_purged_total[$__rate_interval]))")),
        panel(
            "Since the last good run",
            "s",
            ("{{task}}", "max by (task) (api_job_age_seconds)"),
            note="A backup and a catalog check are due each day, a verification each week.",
        ),
        panel(
            "Days until the disk is full",
            "short",
            ("{{disk}}", "min by (disk) (api_disk_days_left)"),
            note="At the growth of the last week.",
        ),
    ),
    Row(
        "Search",
        panel(
            "Answers a second", "short", ("{{status}}", "sum by (status) (rate(api_responses_total[$__rate_interval]))")
        ),
        panel(
            "Seconds of a search",
            "s",
            ("50 %", "search:seconds:median_5m"),
            ("95 %", "search:seconds:p95_5m"),
            note="95 % should take less than 5 s.",
        ),
        panel("Queries a second", "short", ("{{kind}}", "kind:queries:rate_5m")),
        panel(
            "Queries that were not answered, a second",
            "short",
            ("{{outcome}}", "outcome:queries:rate_5m"),
        ),
        panel(
            "Rows exported a second",
            "short",
            ("{{format}}", "sum by (format) (rate(api_rows_exported_total[$__rate_interval]))"),
        ),
        panel("Hits hidden a second", "short", ("hidden", "sum(rate(api_hits_hidden_total[$__rate_interval]))")),
        panel("Handles", "short", ("known", "max(api_handles_known)"), ("waiting", "max(api_handles_waiting)")),
        panel(
            "Accounts asked about a second", "short", ("asked", "sum(rate(api_handles_asked_total[$__rate_interval]))")
        ),
    ),
)
