"""Requests per minute of each key and address, counted in memory: a single process serves all requests."""

import math
import threading
import time
from collections import deque
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from api.models import ApiKey

MINUTE = 60.0
SLOT_SECONDS = 5.0  # counts are kept per slot: a request counts for 60 to 65 s, never for less
MAX_CALLERS = 10_000  # beyond that the least recent one is forgotten: 20 MB at most


class Decision(NamedTuple):
    """`left`: requests that are still allowed now. `wait`: seconds until the next one is; 0: this one is allowed."""

    left: int
    wait: float


class Windows:
    """A sliding window of a minute per caller: no 60 s have more requests of a caller than its rate."""

    def __init__(self, callers: int = MAX_CALLERS) -> None:
        self._callers = callers
        self._counts: dict[str, deque[list[int]]] = {}  # by caller, least recent first: [slot, requests], oldest first
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._counts)

    def ask(self, caller: str, rate: int, now: float) -> Decision:
        """Counts the request if it is allowed. `rate`: per minute, at least 1. `now`: monotonic seconds."""
        slot = math.floor(now / SLOT_SECONDS)
        with self._lock:
            counts = self._counts.pop(caller, None) or deque()
            self._counts[caller] = counts
            while counts and (counts[0][0] + 1) * SLOT_SECONDS + MINUTE <= now:
                counts.popleft()
            used = sum(count for _, count in counts)
            if used >= rate:
                return Decision(0, _wait(counts, used - rate, now))
            if counts and counts[-1][0] == slot:
                counts[-1][1] += 1
            else:
                counts.append([slot, 1])
            if len(self._counts) > self._callers:
                del self._counts[next(iter(self._counts))]
            return Decision(rate - used - 1, 0.0)

    def forget(self) -> None:
        with self._lock:
            self._counts.clear()


def _wait(counts: deque[list[int]], over: int, now: float) -> float:
    """Seconds until so many slots have expired that more than `over` requests no longer count."""
    for slot, count in counts:
        over -= count
        if over < 0:
            return (slot + 1) * SLOT_SECONDS + MINUTE - now
    raise AssertionError("fewer requests than were counted")


windows = Windows()


class Throttle(BaseThrottle):
    """The key's own rate, or the flag anonymous_rate for an address; what is left goes into X-RateLimit headers."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        if isinstance(request.auth, ApiKey):
            rate, whose = request.auth.rate_per_minute, "this API key"
        else:
            rate, whose = view.flags.anonymous_rate, "this address without an API key"  # type: ignore[attr-defined]
        if not rate:
            return True
        decision = windows.ask(caller(request), rate, time.monotonic())
        view.headers |= {"X-RateLimit-Limit": str(rate), "X-RateLimit-Remaining": str(decision.left)}
        if decision.wait:
            raise Throttled(decision.wait, f"More than {rate} requests a minute from {whose}: slow down.")
        return True


def caller(request: Request) -> str:
    """The key of a request, or its address."""
    return f"key {request.auth.pk}" if isinstance(request.auth, ApiKey) else client(request.META)


def client(meta: dict[str, str]) -> str:
    """The address that a request counts for. Of IPv6 the /64: a customer has all of one."""
    found = client_address(meta)
    if isinstance(found, IPv6Address):
        return str(IPv6Network((found, 64), strict=False))
    return str(found or meta.get("REMOTE_ADDR", ""))


def client_address(meta: dict[str, str]) -> IPv4Address | IPv6Address | None:
    """One proxy is trusted: if the peer is this machine or in a private network, the last entry of X-Forwarded-For,
    which the proxy added. None: unknown."""
    peer = address(meta.get("REMOTE_ADDR", ""))
    if peer is None or peer.is_private:
        return address(meta.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2]) or peer
    return peer


def address(text: str) -> IPv4Address | IPv6Address | None:
    """None if it is none. An IPv4 address that is mapped into IPv6 counts as itself."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
