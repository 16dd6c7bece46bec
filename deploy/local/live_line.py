"""The status line: what is wrong, in words, and what the processes' metrics say, once a second."""

import re
import urllib.request
from typing import NamedTuple

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? ([^ ]+)")

Metrics = dict[tuple[str, str], float]


class Reading(NamedTuple):
    """None: unknown, as the process does not answer or has no such series."""

    received: float | None = None
    buffered: float | None = None
    flushed: float | None = None
    received_lag: float | None = None
    searchable_lag: float | None = None


def parse(exposition: str) -> Metrics:
    """Prometheus's text format as {(name, labels as text): value}."""
    samples = (_SAMPLE.match(line) for line in exposition.splitlines())
    return {(sample[1], sample[2] or ""): float(sample[3]) for sample in samples if sample}


def total(metrics: Metrics, name: str, label: str = "") -> float | None:
    """The sum of the series whose labels contain `label`; None if there is none."""
    values = [value for (series, labels), value in metrics.items() if series == name and label in labels]
    return sum(values) if values else None


def fetch(port: int) -> Metrics:
    """Empty if the process does not answer."""
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


def text(now: Reading, before: Reading, seconds: float, faults: str = "") -> str:
    """`before` was read `seconds` earlier: the difference gives the rate. `faults` come first: a terminal cuts the end
    off."""
    rate = None if now.received is None or before.received is None else (now.received - before.received) / seconds
    return (  # without faults all but the end fits 80 columns
        f"{faults} | "
        * bool(faults)
        + f"received {_number(now.received)} ({_number(rate)}/s), buffered {_number(now.buffered)}"
        f", flushed {_number(now.flushed)}, lag {_seconds(now.searchable_lag)}"
        f" (received {_seconds(now.received_lag)})"
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{max(value, 0):,.0f}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f} s"
