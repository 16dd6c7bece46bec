"""The machine, as node_exporter sees it, and what our processes take of it."""

from deploy.grafana.panel import Dashboard, Row, panel

# Each container has a device of its own, and another one at each start: over 30 days there are hundreds.
OUTSIDE = '{device!~"lo|veth.*|br-.*|docker.*"}'

HOST = Dashboard(
    "host",
    "Host",
    "now-6h",
    Row(
        "Processor and memory",
        panel(
            "Processor",
            "percentunit",
            ("{{mode}}", "avg_over_time(mode:cpu:ratio_1m[$__rate_interval])"),
        ),
        panel("Load", "short", ("1 minute", "node_load1"), ("15 minutes", "node_load15")),
        panel(
            "Memory",
            "bytes",
            ("available", "node_memory_MemAvailable_bytes"),
            ("total", "node_memory_MemTotal_bytes"),
            ("swap used", "node_memory_SwapTotal_bytes - node_memory_SwapFree_bytes"),
        ),
        panel(
            "Memory of our processes",
            "bytes",
            ("{{job}}", 'process_resident_memory_bytes{job=~"consumer|flusher|compactor|web"}'),
        ),
        panel(
            "Cores that our processes use",
            "short",
            ("{{job}}", 'rate(process_cpu_seconds_total{job=~"consumer|flusher|compactor|web"}[$__rate_interval])'),
        ),
    ),
    Row(
        "Disk and network",
        panel(
            "Free on our disks",
            "percentunit",
            ("{{disk}}", "api_disk_free_bytes / api_disk_size_bytes"),
            note="Below 15 % an alert is sent.",
        ),
        panel("Free bytes on our disks", "bytes", ("{{disk}}", "api_disk_free_bytes")),
        panel(
            "Free on all disks",
            "percentunit",
            (
                "{{mountpoint}}",
                'node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs"}'
                ' / node_filesystem_size_bytes{fstype!~"tmpfs|ramfs"}',
            ),
        ),
        panel(
            "Disk bytes a second",
            "Bps",
            ("read, {{device}}", "rate(node_disk_read_bytes_total[$__rate_interval])"),
            ("written, {{device}}", "rate(node_disk_written_bytes_total[$__rate_interval])"),
        ),
        panel("Disk busy", "percentunit", ("{{device}}", "rate(node_disk_io_time_seconds_total[$__rate_interval])")),
        panel(
            "Network bytes a second",
            "Bps",
            ("in, {{device}}", f"rate(node_network_receive_bytes_total{OUTSIDE}[$__rate_interval])"),
            ("out, {{device}}", f"rate(node_network_transmit_bytes_total{OUTSIDE}[$__rate_interval])"),
            note="Without the devices of containers: what they send outside is counted at the real one.",
        ),
    ),
)
