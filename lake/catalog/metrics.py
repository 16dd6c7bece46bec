"""What both writers export to Prometheus of the lake's folder."""

from prometheus_client import Gauge

ORPHANS = Gauge(
    "lake_orphan_files",
    "Files in LAKE_ROOT/.orphans, which the catalog does not list. Above 0: look at them, then remove them.",
)
