"""The web server as deploy/ runs it, over a lake of months, and what its process holds."""

import http.client
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from constance import config

from deploy.local.child import ROOT, Child
from tests.bench.months import Months


class Web(Child):
    def __init__(self, data: Months) -> None:
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        own = {"PATH": os.environ["PATH"], "WEB_PORT": str(self.port), "REDIS_URL": "redis://127.0.0.1:1/0"}
        command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "deploy" / "gunicorn.conf.py")]
        super().__init__("web", command, own | data.environment(), data.folder / "web.log")

    def connect(self) -> "closing[http.client.HTTPConnection]":
        return closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=600))

    def get(self, path: str) -> tuple[int, bytes]:
        with self.connect() as client:
            client.request("GET", path)
            response = client.getresponse()
            return response.status, response.read()

    def answers(self) -> bool:
        try:
            return self.get("/health/live")[0] == 200
        except OSError:
            return False

    def memory(self) -> float:
        """Of the process that serves, in MB."""
        workers = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        status = [Path(f"/proc/{worker}/status").read_text().splitlines() for worker in workers]
        return sum(int(line.split()[1]) for lines in status for line in lines if line.startswith("VmRSS:")) / 1024


@contextmanager
def serving(data: Months) -> Iterator[Web]:
    """One that has answered a search, to nobody's limit of requests."""
    config.anonymous_rate = 0
    web = Web(data)
    web.start()
    try:
        end = time.monotonic() + 60
        while not web.answers():
            if not web.alive or time.monotonic() > end:
                sys.exit("The web server does not start:\n" + "\n".join(web.last_lines(20)))
            time.sleep(0.1)
        web.get("/search?text=time")
        yield web
    finally:
        web.stop(15)


class Memory(NamedTuple):
    begin: float
    most: float


@contextmanager
def watched(web: Web) -> Iterator[list[Memory]]:
    """Fills the list at the end: MB before, and at most while it lasted."""
    found: list[Memory] = []
    begin, seen, over = web.memory(), [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            seen.append(web.memory())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
        found.append(Memory(begin, max(begin, *seen)))
