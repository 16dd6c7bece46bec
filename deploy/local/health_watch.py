"""What /health/ready says is wrong, for the live line: asked in a thread, as an answer may take seconds just then."""

import http.client
import json
import threading
from contextlib import closing

ASK_SECONDS = 3.0  # between two questions
ANSWER_SECONDS = 20.0  # a catalog that is locked and a Redis that hangs take some of it


class HealthWatch:
    """`host`: one of the names that the web process answers to."""

    def __init__(self, port: int, host: str) -> None:
        self._port, self._host = port, host
        self._over = threading.Event()
        self.faults = ""

    def start(self) -> None:
        threading.Thread(target=self._run, name="health", daemon=True).start()

    def stop(self) -> None:
        self._over.set()

    def _run(self) -> None:
        while not self._over.wait(ASK_SECONDS):
            self.faults = self.ask()

    def ask(self) -> str:
        """The components at fault, each with its sentence; empty: all work."""
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_SECONDS)) as client:
                client.request("GET", "/health/ready", headers={"Host": self._host})
                return faults(client.getresponse().read())
        except (OSError, http.client.HTTPException) as error:
            return f"web: does not answer ({error})"


def faults(body: bytes) -> str:
    """Of an answer of /health/ready."""
    try:
        components = json.loads(body)["components"].items()
        return "; ".join(f"{name}: {state['message']}" for name, state in components if not state["ok"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return "web: does not say how the components are, see its log"
