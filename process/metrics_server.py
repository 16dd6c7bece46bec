"""The port at which Prometheus scrapes this process."""

from django.conf import settings
from django.core.management.base import CommandError
from prometheus_client import start_http_server

SLOW_SECONDS = (0.1, 0.3, 1, 3, 10, 30, 100, 300)  # histogram buckets for work that takes a moment to minutes


def serve_metrics(variable: str) -> None:
    """Serves this process's metrics on 127.0.0.1, at the port in the setting of that name; 0 serves none.

    Raises CommandError when the port is taken."""
    port: int = getattr(settings, variable)
    if port == 0:
        return
    try:
        start_http_server(port, addr="127.0.0.1")
    except OSError as error:
        raise CommandError(
            f"{variable}={port}: the port can't be opened ({error.strerror}). Choose another."
        ) from error
