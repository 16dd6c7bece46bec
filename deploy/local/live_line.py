"""The line that moves: what the processes' own metrics say, once a second."""

import re
import urllib.request
from typing import NamedTuple

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? ([^ ]+)")

Metrics = dict[tuple[str, str], float]


class Reading(NamedTuple):
    """None: not known, because that process does not answer or does not count it."""

    received: float | None = None
    buffered: float | None = None
    flushed: float | None = None
    received_lag: float | None = None
    searchable_lag: float | None = None


def parse(exposition: str) -> Metrics:
    """Prometheus's text format, as {(name, labels as written): value}."""
    samples = (_SAMPLE.match(line) for line in exposition.splitlines())
    return {(sample[1], sample[2] or ""): float(sample[3]) for sample in samples if sample}


def total(metrics: Metrics, name: str, label: str = "") -> float | None:
    """The sum over all labels that contain `label`; None when there is no such series."""
    values = [value for (series, labels), value in metrics.items() if series == name and label in labels]
    return sum(values) if values else None


def fetch(port: int) -> Metrics:
    """Nothing when the process is not there, yet or any more."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=0.5) as answer:
            return parse(answer.read().decode())
    except (OSError, ValueError):
        return {}


def read(consumer: Metrics, flusher: Metrics) -> Reading:
    return Reading(
        received=total(consumer, "ingest_frames_received_total"),
        buffered=total(consumer, "ingest_buffer_depth"),
        flushed=total(flusher, "lake_rows_written_total"),
        received_lag=total(consumer, "ingest_lag_seconds", 'stage="received"'),
        searchable_lag=total(flusher, "lake_lag_seconds", 'stage="searchable"'),
    )


def text(now: Reading, before: Reading, seconds: float) -> str:
    """`before` was read so many seconds earlier: their difference is the rate."""
    rate = None if now.received is None or before.received is None else (now.received - before.received) / seconds
    return (  # 80 columns hold all but the last words
        f"received {_number(now.received)} ({_number(rate)}/s), buffered {_number(now.buffered)}"
        f", flushed {_number(now.flushed)}, lag {_seconds(now.searchable_lag)}"
        f" (received {_seconds(now.received_lag)})"
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{max(value, 0):,.0f}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f} s"
