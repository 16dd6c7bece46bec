"""The Redis of the buffer, as redis_exporter sees it."""

from deploy.grafana.panel import Dashboard, Row, panel

REDIS = Dashboard(
    "redis",
    "Redis",
    "now-6h",
    Row(
        "Memory",
        panel(
            "Memory",
            "bytes",
            ("used", "redis_memory_used_bytes"),
            ("of the process", "redis_memory_used_rss_bytes"),
            ("maxmemory", "redis_memory_max_bytes"),
            note="A fork for a save can copy part of it once more.",
        ),
        panel(
            "Evicted keys",
            "short",
            ("evicted", "increase(redis_evicted_keys_total[1h])"),
            note="Always 0: the policy is noeviction.",
        ),
        panel("Keys", "short", ("{{db}}", "redis_db_keys > 0")),
    ),
    Row(
        "Work",
        panel("Operations a second", "ops", ("processed", "rate(redis_commands_processed_total[$__rate_interval])")),
        panel(
            "Operations by command",
            "ops",
            ("{{cmd}}", "topk(8, avg_over_time(cmd:redis_commands:rate_1m[$__rate_interval]))"),
        ),
        panel("Clients", "short", ("connected", "redis_connected_clients"), ("blocked", "redis_blocked_clients")),
        panel(
            "Network",
            "Bps",
            ("in", "rate(redis_net_input_bytes_total[$__rate_interval])"),
            ("out", "rate(redis_net_output_bytes_total[$__rate_interval])"),
        ),
    ),
    Row(
        "Durability",
        panel(
            "Since the last snapshot",
            "s",
            ("age", "time() - redis_rdb_last_save_timestamp_seconds"),
            note="One an hour, if anything changed. The log holds the rest.",
        ),
        panel("Writes since the last snapshot", "short", ("writes", "redis_rdb_changes_since_last_save")),
        panel(
            "Size of the log (AOF)",
            "bytes",
            ("now", "redis_aof_current_size_bytes"),
            ("after its last rewrite", "redis_aof_base_size_bytes"),
            note="Rewritten when it has doubled, from 256 MB on.",
        ),
        panel(
            "Running",
            "short",
            ("snapshot", "redis_rdb_bgsave_in_progress"),
            ("rewrite of the log", "redis_aof_rewrite_in_progress"),
        ),
        panel(
            "Last write succeeded",
            "short",
            ("log", "redis_aof_last_write_status"),
            ("rewrite", "redis_aof_last_bgrewrite_status"),
            ("snapshot", "redis_rdb_last_bgsave_status"),
            note="1: yes.",
        ),
        panel("Uptime", "s", ("uptime", "redis_uptime_in_seconds")),
    ),
)
