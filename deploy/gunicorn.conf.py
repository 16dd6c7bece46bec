"""The web server of demo, run and compose: one process with threads, because one process means one DuckDB, one memory
limit and one place where metrics are counted. More threads don't search faster: DuckDB uses every core by itself.
"""

import os
import socket

wsgi_app = "explorer.wsgi:application"
bind = f"0.0.0.0:{os.environ.get('WEB_PORT') or '8000'}"
workers = 1
worker_class = "gthread"
# One for each request that api/access/concurrency.py lets work or wait (48), so that health, metrics and the admin
# always find one
# of the rest.
threads = 64
timeout = 60  # for a worker that hangs whole, not for a request: that has its own time limit
graceful_timeout = 8  # inside the 10 s that docker stop and the local stack give
keepalive = 5
limit_request_line = 8190  # the most gunicorn allows: a search may repeat parameters; longer ones go as POST
_memory = "/dev/shm"  # noqa: S108 - gunicorn opens a private file in it
worker_tmp_dir = _memory if os.access(_memory, os.W_OK) else None  # a heartbeat must not wait for a busy disk
control_socket_disable = True  # nothing here uses it, and it would be a file in the home directory
STALLED_MS = 300_000  # a reader of an export who takes nothing for so long loses the connection, and its place


def when_ready(server):  # type: ignore[no-untyped-def]
    """Without it a stopped client would hold its thread for ever. Accepted sockets inherit it from the listener."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        for listener in server.LISTENERS:
            if listener.sock.family != socket.AF_UNIX:
                listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MS)


accesslog = None  # Caddy and /metrics tell it; a query may be what a researcher wants to keep private
