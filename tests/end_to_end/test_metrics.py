"""Each process tells Prometheus its own series, all of them at zero from the start, and no others."""

import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.environment import free_port
from ingest.metrics import CONSUMER
from ingest.simulator.server.server import running
from lake.metrics import COMPACTOR, FLUSHER, REASONS, WRITERS
from process.metrics import series_of
from tests.end_to_end.stack import until

COMMANDS = {
    "consume_jetstream": ("METRICS_PORT_CONSUMER", CONSUMER),
    "flush_buffer": ("METRICS_PORT_FLUSHER", FLUSHER + WRITERS),
    "compact_lake": ("METRICS_PORT_COMPACTOR", COMPACTOR + WRITERS),
}


def scrape(port):
    """All samples, as {(name, *label values): value}; empty while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            families = text_string_to_metric_families(answer.read().decode())
    except OSError:
        return {}
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def own(found):
    return {key: value for key, value in found.items() if not key[0].startswith(("process_", "python_"))}


def expected(instruments):
    """Of what is declared, before anything has happened."""
    return {
        (sample.name, *sample.labels.values())
        for instrument in instruments
        for family in instrument.collect()
        for sample in family.samples
    }


def test_each_process_exports_its_own_series_only(make_stack):
    with running([]) as jetstream:
        stack = make_stack(jetstream.url)
        ports = {command: free_port() for command in COMMANDS}
        programs = [stack.start(name, **{COMMANDS[name][0]: str(port)}) for name, port in ports.items()]
        until(lambda: all(scrape(port) for port in ports.values()), "all answer", programs=programs)
        until(lambda: scrape(ports["consume_jetstream"])["ingest_connected",], "it is connected")
        found = {name: scrape(port) for name, port in ports.items()}
    for name, (_, instruments) in COMMANDS.items():
        assert own(found[name]).keys() == expected(instruments), name
        assert found[name]["process_resident_memory_bytes",] > 1e6
    busy = {("ingest_connected",), ("ingest_connections_total",), ("ingest_buffer_fill_ratio",)}
    values = {key: value for name in COMMANDS for key, value in own(found[name]).items()}
    assert {key for key, value in values.items() if value} <= busy


@pytest.mark.parametrize("instruments", [value for _, value in COMMANDS.values()], ids=COMMANDS)
def test_a_list_has_no_series_twice(instruments):
    names = [series_of(one).name for one in instruments]
    assert len(names) == len(set(names))


def test_the_reasons_are_those_of_the_compactor():
    from lake.compact.plan import Reason

    assert set(REASONS) == set(Reason)
