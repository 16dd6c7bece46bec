"""What dashboards and rules ask for, from a real Prometheus that scrapes a real stack."""

import math
import re
import time

import pytest
import yaml

from deploy.grafana.dashboards import DASHBOARDS
from deploy.monitor.configuration import PROMETHEUS
from tests.end_to_end import history
from tests.end_to_end.stack import until

QUERIES = [
    (dashboard.uid, panel.title, query)
    for dashboard in DASHBOARDS
    for panel in dashboard.panels
    for _, query in panel.queries
]
RULES = [
    rule["expr"]
    for path in PROMETHEUS.glob("rules/*.yml")
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
]
PREFIXES = ("api", "ingest", "lake", "redis", "node", "process", "alertmanager", "certificate", "up")
NAME = re.compile(rf"\b(?:{'|'.join(PREFIXES)})(?:_[a-z0-9_A-Z]+)?\b(?!:)")


def metrics_of(expression):
    """The names of metrics in a PromQL expression: what is not in quotes, braces or brackets, nor a label."""
    bare = re.sub(r'"[^"]*"|\[[^]]*\]', "", expression)
    named = re.findall(r'__name__=~"([^"]+)"', expression)
    bare = re.sub(r"\{[^}]*\}|(?:by|on|ignoring|group_left|group_right) ?\([^)]*\)", "", bare)
    return set(NAME.findall(bare)) | {name for names in named for name in names.split("|")}


def test_metrics_of_an_expression():
    assert metrics_of('sum by (process) (rate(ingest_x_total{up="api_y"}[1m])) / up > on(up) group_left() lake_z') == {
        "ingest_x_total", "up", "lake_z",
    }  # fmt: skip
    assert metrics_of('max({__name__=~"api_a|ingest_b"})') == {"api_a", "ingest_b"}
    assert metrics_of("availability:errors:ratio_1h > 0.1") == set()


def empty(monitored):
    """Panels whose queries return nothing."""
    found = []
    for uid, title, query in QUERIES:
        samples = monitored.query(query.replace("$__rate_interval", "1m"))
        if not any(math.isfinite(value) for _, value in samples):
            found.append((uid, title, query))
    return found


def fill_every_panel(service):
    for path in ("/search?text=time", "/search?limit=0", "/export?text=time&limit=10", "/api/v1/stats"):
        service.ask(path)
    until(lambda: not empty(service.monitored), "every panel has data", 120)


@pytest.mark.slow
def test_every_panel_has_data_and_every_metric_exists(make_running):
    began = time.monotonic()
    service = make_running()
    monitored = service.monitored
    until(lambda: monitored.query("redis_memory_used_bytes"), "the exporter's metrics", began + 60 - time.monotonic())
    fill_every_panel(service)
    names = set().union(*map(metrics_of, [*RULES, *(query for _, _, query in QUERIES)]))
    assert len(names) > 50
    assert [name for name in sorted(names) if not monitored.query(name)] == []


@pytest.mark.slow
def test_the_values_are_those_of_the_simulator(make_running):
    service = make_running()
    monitored, jetstream = service.monitored, service.jetstream
    until(lambda: len(jetstream.frames) > 2_000, "some events are sent")
    service.source.finish()
    sent = jetstream.frames

    def all_there():
        received = monitored.value("sum(ingest_frames_received_total)")
        return received == len(sent) == monitored.value("sum(api_lake_rows)")

    until(all_there, f"{len(sent)} events are received and in the lake")
    for query, expected in {
        "sum(ingest_bytes_received_total)": sum(map(len, sent)),
        "sum(ingest_events_buffered_total)": len(sent),
        "sum(ingest_bytes_buffered_total)": sum(map(len, sent)),
        "sum(ingest_frames_dropped_total)": 0,
        "sum(lake_rows_written_total)": len(sent),
        "sum(lake_bytes_flushed_total)": sum(map(len, sent)),
        'ingest_events_buffered_total{kind="like"}': sum(b'"app.bsky.feed.like"' in frame for frame in sent),
        "api_buffer_depth": 0,
    }.items():
        until(lambda: monitored.value(query) == expected, f"{query} is {expected}, not {monitored.value(query)}", 30)  # noqa: B023


def selectors():
    """Of all series that a dashboard reads."""
    names = "|".join(sorted(set().union(*(metrics_of(query) for _, _, query in QUERIES)), key=len, reverse=True))
    pattern = rf"\b(?:[a-z]+:[\w:]+|{names})\b(?:\{{[^}}]*\}})?"
    return sorted({found for _, _, query in QUERIES for found in re.findall(pattern, query)})


@pytest.mark.bench
def test_thirty_days(make_running, tmp_path):
    """Seconds of a dashboard over thirty days: `pytest -m bench -s tests/end_to_end/test_dashboards.py`."""
    service = make_running()
    fill_every_panel(service)
    series = [labels for selector in selectors() for labels, _ in service.monitored.query(selector)]
    series = list({tuple(sorted(labels.items())): labels for labels in series}.values())
    blocks, end = history.make_blocks(tmp_path, series)
    for dashboard in DASHBOARDS:
        queries = [query for panel in dashboard.panels for _, query in panel.queries]
        history.drop_pages(blocks)
        with history.prometheus(tmp_path, blocks) as url:
            for attempt in ("cold", "warm", "warm"):
                seconds, single = history.dashboard_seconds(url, queries, end)
                slowest = max(zip(single, queries, strict=True))
                print(f"{dashboard.uid} {attempt}: {len(queries)} queries {seconds:.2f} s, slowest {slowest}")
    print(f"{len(series)} series")
