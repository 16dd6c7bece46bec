"""Declared series, and the metrics port."""

import socket
import urllib.request

import pytest
from django.core.management.base import CommandError

from process.metrics import Series, counter, gauge, histogram, series_of, serve_metrics


@pytest.fixture
def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_all_label_values_are_there_at_zero():
    declared = counter("x_total", "X.", reason=["a", "b"], kind=["c", "d"])
    (family,) = declared.collect()
    assert {(*s.labels.values(), s.value) for s in family.samples} == {
        *(("a", "c", 0), ("a", "d", 0), ("b", "c", 0), ("b", "d", 0))
    }
    assert series_of(declared) == Series("x_total", "counter", "X.", {"reason": ("a", "b"), "kind": ("c", "d")})


def test_series_of_other_kinds():
    assert series_of(gauge("x", "X.")) == Series("x", "gauge", "X.", {})
    assert series_of(histogram("x_seconds", "X.", kind=["a"])) == Series(
        "x_seconds", "histogram", "X.", {"kind": ("a",)}
    )


def test_the_port_tells_what_it_was_given_and_of_the_process(settings, free_port):
    settings.METRICS_PORT_CONSUMER = free_port
    mine, other = counter("mine_total", "X."), counter("other_total", "X.")
    other.inc()
    serve_metrics("METRICS_PORT_CONSUMER", [mine])
    mine.inc(3)
    with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    assert "mine_total 3.0" in lines
    assert any(line.startswith("process_cpu_seconds_total") for line in lines)
    assert not any("other_total" in line or "_created" in line for line in lines)


@pytest.mark.parametrize(("host", "elsewhere"), [("127.0.0.1", False), ("0.0.0.0", True)])
def test_it_listens_where_metrics_host_says(settings, free_port, host, elsewhere):
    assert settings.METRICS_HOST == "127.0.0.1"
    settings.METRICS_HOST, settings.METRICS_PORT_CONSUMER = host, free_port
    serve_metrics("METRICS_PORT_CONSUMER", [])
    socket.create_connection(("127.0.0.1", free_port)).close()
    if elsewhere:
        socket.create_connection(("127.0.0.2", free_port)).close()
    else:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.2", free_port))


def test_a_taken_port_is_one_sentence_and_0_is_none(settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = settings.METRICS_PORT_CONSUMER = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"METRICS_PORT_CONSUMER={port}: the port can't be opened at METR"):
            serve_metrics("METRICS_PORT_CONSUMER", [])
    settings.METRICS_PORT_CONSUMER = 0
    serve_metrics("METRICS_PORT_CONSUMER", [])


def test_an_address_of_another_machine_is_one_sentence(settings, free_port):
    settings.METRICS_HOST, settings.METRICS_PORT_CONSUMER = "192.0.2.1", free_port
    with pytest.raises(CommandError, match=r"METRICS_HOST=192\.0\.2\.1"):
        serve_metrics("METRICS_PORT_CONSUMER", [])
