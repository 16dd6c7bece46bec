"""Series of Prometheus: declared here without a registry, exported by the process that serves its list of them."""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import NamedTuple, TypeVar

from django.conf import settings
from django.core.management.base import CommandError
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.metrics import MetricWrapperBase

disable_created_metrics()  # type: ignore[no-untyped-call] # a series more for each counter and bucket set, which nobody asks for

SLOW_SECONDS = (0.1, 0.3, 1, 3, 10, 30, 100, 300)  # histogram buckets for work that takes a moment to minutes

I = TypeVar("I", Counter, Gauge, Histogram)  # noqa: E741


class Series(NamedTuple):
    """What is exported under one name: `name` as it is exported, `labels` with all their values. `meaning`: what a
    change means and who acts."""

    name: str
    kind: str
    meaning: str
    labels: dict[str, tuple[str, ...]]


def counter(name: str, meaning: str, **labels: Iterable[str]) -> Counter:
    """`name` ends with _total. `labels`: all their values, which exist at zero from the start."""
    return _at_zero(Counter(name, meaning, list(labels), registry=None), labels)


def gauge(name: str, meaning: str, **labels: Iterable[str]) -> Gauge:
    return _at_zero(Gauge(name, meaning, list(labels), registry=None), labels)


def histogram(name: str, meaning: str, buckets: Sequence[float] = SLOW_SECONDS, **labels: Iterable[str]) -> Histogram:
    return _at_zero(Histogram(name, meaning, list(labels), registry=None, buckets=buckets), labels)


def _at_zero(instrument: I, labels: dict[str, Iterable[str]]) -> I:
    for values in product(*labels.values()):
        if values:
            instrument.labels(*values)
    return instrument


def series_of(instrument: MetricWrapperBase) -> Series:
    """What it exports at the moment, which is every label value."""
    family = next(iter(instrument.collect()))
    labels: dict[str, dict[str, None]] = {}
    for sample in family.samples:
        for label, value in sample.labels.items():
            if label != "le":
                labels.setdefault(label, {})[value] = None
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return Series(name, family.type, family.documentation, {label: tuple(values) for label, values in labels.items()})


def serve_metrics(variable: str, instruments: Iterable[MetricWrapperBase]) -> None:
    """Serves these and the process's own (CPU, memory) at METRICS_HOST, at the port in the setting of that name; 0
    serves none.

    Raises CommandError when the port can't be opened."""
    port: int = getattr(settings, variable)
    if port == 0:
        return
    registry = CollectorRegistry()
    for instrument in instruments:
        registry.register(instrument)
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    try:
        start_http_server(port, settings.METRICS_HOST, registry)
    except OSError as error:
        raise CommandError(
            f"{variable}={port}: the port can't be opened at METRICS_HOST={settings.METRICS_HOST} "
            f"({error.strerror}). Choose another."
        ) from error
