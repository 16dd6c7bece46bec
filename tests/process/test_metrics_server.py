"""The metrics port."""

import socket

import pytest
from django.core.management.base import CommandError

from process.metrics_server import serve_metrics


@pytest.fixture
def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_it_listens_on_127_0_0_1_alone(settings, free_port):
    settings.METRICS_PORT_CONSUMER = free_port
    serve_metrics("METRICS_PORT_CONSUMER")
    socket.create_connection(("127.0.0.1", free_port)).close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", free_port))


def test_a_taken_port_is_one_sentence_and_0_is_none(settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = settings.METRICS_PORT_CONSUMER = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"METRICS_PORT_CONSUMER={port}: the port can't be opened"):
            serve_metrics("METRICS_PORT_CONSUMER")
    settings.METRICS_PORT_CONSUMER = 0
    serve_metrics("METRICS_PORT_CONSUMER")
