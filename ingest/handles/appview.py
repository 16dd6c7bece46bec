"""The AppView, the service that knows everybody's handle, and the project's only outgoing HTTP.

Calls wait for their turn, CALLS_PER_SECOND for all threads together. After a failure nobody calls for as long as the
AppView asks us to wait, else for a time that doubles.
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
    asked_delay,
    judge,
    judge_error,
    read_did,
    read_profiles,
)

BATCH = 25  # accounts a call, the most that getProfiles takes
CALLS_PER_SECOND = 3.0
ANSWER_SECONDS = 4.0  # for one call with all that belongs to it; who waits for a page waits for this
MAX_DELAY = 60.0  # seconds, doubling from 1
HEADERS = {"User-Agent": "bluesky-post-explorer", "Accept": "application/json"}

T = TypeVar("T")


class HandleServiceDown(Exception):
    """The AppView gives no answer now. The message says why; try again later."""


class Refused(Exception):
    """The AppView does not take this question; asking again gives the same."""


class AppView:
    """Any thread may call. `url`: such as https://public.api.bsky.app"""

    def __init__(self, url: str, seconds: float = ANSWER_SECONDS, per_second: float = CALLS_PER_SECOND) -> None:
        self.url = url.rstrip("/")
        self._seconds, self._step = seconds, 1 / per_second
        self._lock = threading.Lock()
        self._turn_at = self._closed_until = 0.0
        self._failures = 0
        self._calls: Counter[str] = Counter()

    def handles(self, dids: Sequence[str]) -> dict[str, str]:
        """The handles of up to BATCH accounts; who has none, or is gone, is left out.

        Raises HandleServiceDown, and Refused when one of the DIDs is not understood."""
        query = [("actors", did) for did in dids]
        return self._call("app.bsky.actor.getProfiles", query, lambda body: read_profiles(body, dids))

    def did(self, handle: str) -> str | None:
        """Who the handle leads to now; None: nobody. Raises HandleServiceDown."""
        try:
            return self._call("com.atproto.identity.resolveHandle", [("handle", handle)], read_did)
        except Refused:
            return None

    @property
    def wait_seconds(self) -> float:
        """Until the next call may be made."""
        return max(0.0, self._turn_at - time.monotonic(), self._closed_until - time.monotonic())

    def take_calls(self) -> Counter[str]:
        """The calls made since this was asked last, by outcome."""
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
        self._note(outcome, asked_delay(reply.retry_after, datetime.now(UTC)))
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
                raise HandleServiceDown(f"The AppView has failed and is asked again in {seconds}.")
            turn_at = max(now, self._turn_at)
            if turn_at - now > self._seconds:
                raise HandleServiceDown("Too many ask for handles that are not known here.")
            self._turn_at = turn_at + self._step
        time.sleep(turn_at - now)

    def _note(self, outcome: Outcome, asked: float | None) -> None:
        with self._lock:
            self._calls[outcome] += 1
            if outcome in (Outcome.ANSWERED, Outcome.REFUSED):
                self._failures = 0
                return
            delay = min(MAX_DELAY, 2.0 ** min(self._failures, 10)) if asked is None else asked
            self._failures += 1
            self._closed_until = time.monotonic() + delay


def within(seconds: float, work: Callable[[], T]) -> T:
    """What `work` returns, or TimeoutError. A look-up of a name can't be interrupted, so it is left to its thread."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            future.set_exception(error)

    threading.Thread(target=run, name="AppView", daemon=True).start()
    return future.result(seconds)


# Without the handlers of urllib that follow redirects and raise for statuses; with the one for HTTPS_PROXY.
_opener = urllib.request.OpenerDirector()
for _handler in (urllib.request.ProxyHandler(), urllib.request.HTTPHandler(), urllib.request.HTTPSHandler()):
    _opener.add_handler(_handler)


def fetch(url: str, seconds: float) -> Reply:
    """Raises OSError, HTTPException or ValueError when there is no answer to be had."""
    end, body = time.monotonic() + seconds, b""
    request = urllib.request.Request(url, headers=HEADERS)  # noqa: S310 - settings allow http and https only
    with _opener.open(request, timeout=seconds) as response:
        while len(body) <= MAX_ANSWER and (part := response.read1(MAX_ANSWER + 1 - len(body))):
            body += part
            if time.monotonic() > end:
                raise TimeoutError
        if len(body) <= MAX_ANSWER and response.length:
            raise ConnectionError("it closed in the middle of its answer")
        headers = response.headers
        return Reply(response.status, body, headers.get("Retry-After", ""), headers.get("Location", ""))
