"""Client of an AppView, a service that resolves DIDs and handles. The project's only outgoing HTTP.

All threads together make CALLS_PER_SECOND. After a failure no call is made for as long as its Retry-After says, or else
for a delay that doubles with each further failure.
"""

import threading
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from http.client import HTTPException
from typing import TypeVar

from ingest.handles.appview_replies import (
    MAX_ANSWER,
    Outcome,
    Reply,
    judge,
    judge_error,
    read_did,
    read_profiles,
    retry_delay,
)

BATCH = 25  # accounts per call: the most that getProfiles takes
CALLS_PER_SECOND = 3.0
ANSWER_SECONDS = 4.0  # for a whole call, from the look-up of the host name on: a page waits for it
MAX_DELAY = 60.0  # seconds, doubling from 1
HEADERS = {"User-Agent": "bluesky-post-explorer", "Accept": "application/json"}

T = TypeVar("T")


class HandleServiceDown(Exception):
    """The AppView does not answer now. The message says why; try again later."""


class Refused(Exception):
    """The AppView rejects this request, and would reject it again."""


class AppView:
    """Thread-safe. `url`: such as https://public.api.bsky.app. `seconds`: time limit of a call."""

    def __init__(self, url: str, seconds: float = ANSWER_SECONDS, per_second: float = CALLS_PER_SECOND) -> None:
        self.url = url.rstrip("/")
        self._seconds, self._step = seconds, 1 / per_second
        self._lock = threading.Lock()
        self._turn_at = self._closed_until = 0.0
        self._failures = 0
        self._calls: Counter[str] = Counter()

    def handles(self, dids: Sequence[str]) -> dict[str, str]:
        """The handles of up to BATCH accounts, by DID; without those that have none or are gone.

        Raises HandleServiceDown, and Refused when the AppView rejects one of the DIDs."""
        query = [("actors", did) for did in dids]
        return self._call("app.bsky.actor.getProfiles", query, lambda body: read_profiles(body, dids))

    def did(self, handle: str) -> str | None:
        """The DID that the handle resolves to now; None if there is none. Raises HandleServiceDown."""
        try:
            return self._call("com.atproto.identity.resolveHandle", [("handle", handle)], read_did)
        except Refused:
            return None

    @property
    def wait_seconds(self) -> float:
        """Until the next call is allowed."""
        return max(0.0, self._turn_at - time.monotonic(), self._closed_until - time.monotonic())

    def take_calls(self) -> Counter[str]:
        """The number of calls by outcome, since the last time this was called."""
        with self._lock:
            calls, self._calls = self._calls, Counter()
        return calls

    def _call(self, method: str, query: Sequence[tuple[str, str]], read: Callable[[bytes], T]) -> T:
        self._wait_for_turn()
        url = f"{self.url}/xrpc/{method}?{urllib.parse.urlencode(query, safe=':')}"
        reply = Reply(0, b"")
        try:
            reply = within(self._seconds, lambda: fetch(url, self._seconds))
            outcome, why = judge(reply)
            answer = read(reply.body) if outcome is Outcome.ANSWERED else None
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            outcome, why = judge_error(error)
        self._note(outcome, retry_delay(reply.retry_after, datetime.now(UTC)))
        if outcome is Outcome.REFUSED:
            raise Refused(why)
        if outcome is not Outcome.ANSWERED or answer is None:
            raise HandleServiceDown(f"The AppView at {self.url} {why}.")
        return answer

    def _wait_for_turn(self) -> None:
        with self._lock:
            now = time.monotonic()
            if now < self._closed_until:
                seconds = f"{self._closed_until - now:.0f} s"
                raise HandleServiceDown(f"The AppView has failed: the next attempt is in {seconds}.")
            turn_at = max(now, self._turn_at)
            if turn_at - now > self._seconds:
                raise HandleServiceDown("Too many requests for unknown handles wait already.")
            self._turn_at = turn_at + self._step
        time.sleep(turn_at - now)

    def _note(self, outcome: Outcome, retry_after: float | None) -> None:
        with self._lock:
            self._calls[outcome] += 1
            if outcome in (Outcome.ANSWERED, Outcome.REFUSED):
                self._failures = 0
                return
            delay = min(MAX_DELAY, 2.0 ** min(self._failures, 10)) if retry_after is None else retry_after
            self._failures += 1
            self._closed_until = time.monotonic() + delay


def within(seconds: float, work: Callable[[], T]) -> T:
    """What `work` returns. Raises TimeoutError and abandons its thread: looking up a host name can't be interrupted."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001 - raised by result()
            future.set_exception(error)

    threading.Thread(target=run, name="AppView", daemon=True).start()
    return future.result(seconds)


# Honours HTTPS_PROXY. Without urllib's handlers that follow redirects and raise for statuses.
_opener = urllib.request.OpenerDirector()
for _handler in (urllib.request.ProxyHandler(), urllib.request.HTTPHandler(), urllib.request.HTTPSHandler()):
    _opener.add_handler(_handler)


def fetch(url: str, seconds: float) -> Reply:
    """GET. Raises OSError, HTTPException or ValueError if there is no whole answer."""
    end, body = time.monotonic() + seconds, b""
    request = urllib.request.Request(url, headers=HEADERS)  # noqa: S310 - settings allow http and https only
    with _opener.open(request, timeout=seconds) as response:
        while len(body) <= MAX_ANSWER and (part := response.read1(MAX_ANSWER + 1 - len(body))):
            body += part
            if time.monotonic() > end:
                raise TimeoutError
        if len(body) <= MAX_ANSWER and response.length:
            raise ConnectionError("it closed the connection in the middle of its answer")
        headers = response.headers
        return Reply(response.status, body, headers.get("Retry-After", ""), headers.get("Location", ""))
