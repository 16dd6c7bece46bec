"""One who asks, for Locust: each answer is checked, each request becomes a line of $LOAD_REQUESTS."""

import json
import os
from pathlib import Path
from typing import Any

from locust import FastHttpUser, events

from tests.load import checks

_requests = Path(os.environ["LOAD_REQUESTS"]).open("a", buffering=1)  # noqa: SIM115 - for as long as the process lives


@events.request.add_listener
def _note(name: str, response_time: float, response_length: int, exception: Any, start_time: float, **_: Any) -> None:
    line = {"at": start_time, "kind": name, "ms": response_time, "bytes": response_length}
    _requests.write(json.dumps(line | ({"fault": str(exception)[:300]} if exception else {})) + "\n")


class Person(FastHttpUser):
    """Asks from an address of its own, as a proxy reports it."""

    abstract = True
    network_timeout = 90.0
    _count = 0

    def on_start(self) -> None:
        Person._count += 1
        self._from = {"X-Forwarded-For": f"203.0.113.{Person._count % 250 + 1}"}

    def ask(self, kind: str, path: str, check: Any, method: str = "GET", **given: Any) -> Any:
        """The body of an answer that is right; None otherwise. `check`: gets the body as JSON."""
        return self._ask(kind, path, method, given, lambda response: response.json(), check)

    def fetch(self, kind: str, path: str, check: Any, method: str = "GET", **given: Any) -> Any:
        """The same with a file or page: `check` gets the bytes. Returns them with the headers."""
        body = self._ask(kind, path, method, given, lambda response: response.content, check)
        return None if body is None else (body, self._headers)

    def _ask(self, kind: str, path: str, method: str, given: dict[str, Any], read: Any, check: Any) -> Any:
        options: dict[str, Any] = {"params": given} if method == "GET" else {"json": given}
        with self.client.request(
            method, path, name=kind, headers=self._from, catch_response=True, **options
        ) as response:
            if (broken := response.request_meta["exception"]) and response.status_code == 200:
                response.failure(f"broken off: {broken}"[:300])  # without its last chunk
                return None
            if response.status_code != 200:
                response.failure(f"status {response.status_code}: {response.text or response.error}"[:300])
                return None
            self._headers = response.headers
            try:
                body = read(response)
                wrong = check(body)
            except Exception as error:  # noqa: BLE001 - whatever does not fit is a wrong answer
                body, wrong = None, f"{type(error).__name__}: {error}"
            if wrong:
                response.failure(f"wrong: {wrong}"[:300])
                return None
            return body

    def hits(self, kind: str = "page", **given: Any) -> list[dict[str, Any]]:
        word, limit = given.get("text", ""), given.get("limit", 50)
        answer = self.ask(kind, "/search", lambda body: checks.page(body, word, limit=limit), **given)
        return answer["results"] if answer else []
