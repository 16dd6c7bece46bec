"""What both writers tell Prometheus of the catalog and its files."""

from prometheus_client import Gauge

ORPHANS = Gauge(
    "lake_orphan_files",
    "Files in LAKE_ROOT/.orphans: the catalog does not list them, and they are kept until somebody has looked at them.",
)
