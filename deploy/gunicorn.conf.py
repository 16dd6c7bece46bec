"""The web server of demo, run and compose: one process with threads. So there is one DuckDB, one memory limit and one
place that counts metrics. More threads would not search faster, as DuckDB uses every core by itself.
"""

import os
import socket
import sys
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # gunicorn starts with its own folder
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "explorer.settings")
try:
    bind = f"0.0.0.0:{settings.WEB_PORT}"
except ImproperlyConfigured as error:
    sys.exit(f"Configuration: {error}")
logconfig_dict = settings.LOGGING
wsgi_app = "explorer.wsgi:application"
workers = 1
worker_class = "gthread"
# One for each request that api/access/concurrency.py lets run or wait (47), and for each that waits for the answer to
# another (16, lake/search/answer_cache.py). The rest are for health, metrics and admin.
threads = 80
timeout = 60  # of a worker that hangs as a whole; a request has its own time limit
graceful_timeout = 8  # within the 10 s that docker stop and the local stack give
keepalive = 5
limit_request_line = 8190  # the most that gunicorn allows: a search may repeat parameters; longer ones need POST
_memory = "/dev/shm"  # noqa: S108 - gunicorn opens a private file in it
worker_tmp_dir = _memory if os.access(_memory, os.W_OK) else None  # a heartbeat must not wait for a busy disk
control_socket_disable = True  # unused, and it would be a file in the home directory
STALLED_MS = 300_000  # a client that reads nothing for so long loses the connection


def when_ready(server):  # type: ignore[no-untyped-def]
    """Without this a stopped client would hold its thread for ever. Accepted sockets inherit it from the listener."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        for listener in server.LISTENERS:
            if listener.sock.family != socket.AF_UNIX:
                listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MS)


def post_worker_init(worker):  # type: ignore[no-untyped-def]
    """The worker's main loop tells gunicorn that it is alive every second, and the heartbeat with it."""
    from process import heartbeats

    heartbeats.start("web")
    notify = worker.notify

    def beat() -> None:
        notify()
        heartbeats.beat("serves")

    worker.notify = beat


def worker_exit(_server, _worker):  # type: ignore[no-untyped-def]
    from process import heartbeats

    heartbeats.end()


accesslog = None  # Caddy logs requests and /metrics counts them; a query may be private
