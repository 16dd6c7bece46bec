"""A wire that can become slow, or half-open: what is sent goes nowhere, and nobody hears of it."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress


class Proxy:
    """Listens on `port` and passes everything on to `target`, a unix socket or a host's port.

    `delay`: seconds that each piece waits, of `piece` bytes at most. `swallowed`: bytes that went nowhere. `alone`:
    bytes that went one by one."""

    def __init__(self, target: str | tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.delay, self.piece, self._swallows = 0.0, 65536, False
        self.passed = self.swallowed = self.alone = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    @contextmanager
    def half_open(self) -> Iterator[None]:
        """All connections, those that come too. They stay dead afterwards; later ones work."""
        self._swallows = True
        try:
            yield
        finally:
            self._swallows = False

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near = self._listener.accept()[0]
                far = socket.socket(socket.AF_UNIX if isinstance(self._target, str) else socket.AF_INET)
                far.connect(self._target)
                dead = threading.Event()
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(source, target, dead), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, dead: threading.Event) -> None:
        with suppress(OSError), closing(source), closing(target):
            while piece := source.recv(self.piece):
                if self._swallows:
                    dead.set()
                if dead.is_set():
                    self.swallowed += len(piece)
                    continue
                time.sleep(self.delay)
                target.sendall(piece)
                self.passed += len(piece)
                self.alone += len(piece) == 1
