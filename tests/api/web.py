"""gunicorn over a lake, for the tests of what only a real server does."""

import http.client
import os
import socket
import sys
import time
from contextlib import closing, contextmanager

from deploy.local.child import ROOT, Child


class Web(Child):
    """gunicorn, as deploy/ runs it, on a port of its own."""

    def __init__(self, folder, port):
        self.read = 0
        self.port = port
        own = {
            "PATH": os.environ["PATH"],
            "WEB_PORT": str(port),
            "LOG_FORMAT": "json",
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "DATABASE_PATH": str(folder / "catalog.sqlite3"),
            "LAKE_ROOT": str(folder / "lake"),
        }
        command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "deploy" / "gunicorn.conf.py")]
        super().__init__("web", command, own, folder / "web.log")

    def get(self, path):
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as client:
            client.request("GET", path)
            response = client.getresponse()
            return response.status, response.read()

    def connect(self):
        return closing(socket.create_connection(("127.0.0.1", self.port), timeout=60))

    @property
    def says(self):
        """Its log since the test began."""
        return self.log.read_text()[self.read :]

    def await_words(self, words):
        until(lambda: words in self.says, words)


def until(done, what):
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def answers(web):
    try:
        return web.get("/health/live")[0] == 200
    except OSError:
        return False


@contextmanager
def served(folder):
    """gunicorn over the lake of that folder."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        web = Web(folder, free.getsockname()[1])
    web.start()
    try:
        until(lambda: answers(web) or not web.alive, "gunicorn answers")
        yield web
    finally:
        web.kill()
