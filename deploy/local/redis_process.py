"""A private redis-server with deploy/redis.conf: for the tests, and for demo and run if REDIS_URL is not set.

It listens on a unix socket only: no port to choose, and no other user of the machine can reach it.
"""

import hashlib
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from deploy.local.child import ROOT, Child

SOCKET_PATH_LIMIT = 100  # bytes: the kernel's own limit is 107
SHORT_FOLDER = "/tmp"  # noqa: S108 - the folder made in it is checked to be private
START_SECONDS = 60  # a full log of 2 GB is read back in about 20
STOP_SECONDS = 30  # a last fsync and snapshot


class RedisError(Exception):
    """There is no redis-server, or it does not start."""


class RedisProcess:
    """Keeps its data in `folder`: a start on the same folder has it again, also after `kill()`. Settings override
    redis.conf, with underscores for hyphens: `RedisProcess(folder, maxmemory="64mb")`."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder.absolute()
        self.socket = socket_path(self.folder)
        self.url = f"unix://{quote(str(self.socket))}"
        self.child = Child("redis", self._command(settings), os.environ, self.folder / "redis.log")

    def _command(self, settings: dict[str, str]) -> list[str]:
        own = {"dir": str(self.folder), "port": "0", "unixsocket": str(self.socket), "unixsocketperm": "700"}
        options = [[f"--{name.replace('_', '-')}", value] for name, value in (own | settings).items()]
        return [find_server(), str(ROOT / "deploy" / "redis.conf"), *(word for option in options for word in option)]

    def start(self) -> None:
        """Returns once it answers. Waits for an earlier server on the folder to end: two would corrupt the data."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.socket.parent.mkdir(mode=0o700, exist_ok=True)
        if self.socket.parent.stat().st_uid != os.getuid():
            raise RedisError(f"{self.socket.parent} belongs to someone else: remove it.")
        if not _wait(lambda: _reply(self.socket) is None, STOP_SECONDS):
            raise RedisError(f"Another redis-server keeps running in {self.folder}: stop it first.")
        self.child.start()
        _wait(lambda: self.answers() or not self.child.alive, START_SECONDS)
        if not self.answers():
            self.child.kill()
            raise RedisError("redis-server did not start: " + " / ".join(self.child.last_lines(3)))

    def answers(self) -> bool:
        """False while it still loads its data."""
        return (_reply(self.socket) or b"").startswith(b"+PONG")

    def stop(self) -> None:
        """A clean stop: all accepted writes are on disk afterwards."""
        self.child.stop(STOP_SECONDS)

    def kill(self) -> None:
        """Like a crash: SIGKILL, no last fsync."""
        self.child.kill()


@contextmanager
def redis_process(folder: Path, **settings: str) -> Iterator[RedisProcess]:
    """A started server, stopped at the end."""
    server = RedisProcess(folder, **settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def find_server() -> str:
    """Prefers the one that `make` has unpacked, which it does only if the system's is missing or too old."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name, path=path):
            return found
    raise RedisError("There is no redis-server here: deploy/local/redis.sh installs one.")


def socket_path(folder: Path) -> Path:
    """In the folder, or if that path is too long for a socket, in a private folder under /tmp with a fixed name."""
    path = folder / "redis.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
        return path
    return (
        Path(SHORT_FOLDER)
        / f"redis-{os.getuid()}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"
        / "redis.sock"
    )


def _reply(path: Path) -> bytes | None:
    """To a PING; empty if a server is there and does not reply. None: there is none."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16)
        except (TimeoutError, ConnectionResetError, BrokenPipeError):
            return b""
        except OSError:
            return None


def _wait(done: Callable[[], bool], seconds: float) -> bool:
    """Whether it was done within `seconds`."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
