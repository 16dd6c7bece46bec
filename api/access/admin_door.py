"""Who comes to the admin's login: from which addresses, and after how many wrong passwords no more for a while.

The failures are in the catalog (django-axes), so that a restart forgets none.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog
from axes.handlers.database import AxesDatabaseHandler
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from api.access.throttling import address, client, client_address

log = structlog.get_logger("api")

# Wrong passwords within AXES_COOLOFF_TIME. A name alone has the most, as strangers could lock out its owner.
PER_NAME_AT_ADDRESS: int = settings.AXES_FAILURE_LIMIT
PER_ADDRESS = 20
PER_NAME = 50


class LoginThrottle(AxesDatabaseHandler):  # type: ignore[misc]
    """Three limits in place of the one that the library has."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """On the scale of the first limit, AXES_FAILURE_LIMIT. Counted in the order of AXES_LOCKOUT_PARAMETERS."""
        limits = (PER_NAME_AT_ADDRESS, PER_ADDRESS, PER_NAME)
        counts: list[int] = [
            sum(attempts.values_list("failures_since_start", flat=True))
            for attempts in self.get_user_attempts(request, credentials)
        ]
        return max(count * PER_NAME_AT_ADDRESS // limit for count, limit in zip(counts, limits, strict=True))

    def reset_user_attempts(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """After a success, those of this name at this address alone: its owner's success elsewhere opens nothing."""
        count: int = self.filter_user_attempts(request, credentials)[0].delete()[0]
        return count


def counted_address(request: HttpRequest) -> str | None:
    """AXES_CLIENT_IP_CALLABLE: what failures count for; of IPv6 the first address of the /64."""
    counted = address(client(request.META).partition("/")[0])
    return str(counted) if counted else None


def locked_out(request: HttpRequest, _credentials: dict[str, Any] | None) -> HttpResponse:
    """AXES_LOCKOUT_CALLABLE. The log gets one line for a lock, and no name: some type their password there."""
    if request.axes_failures_since_start is not None:  # type: ignore[attr-defined] # counted: it was open until now
        log.warning("admin login locked", address=counted_address(request))
    cool_off: timedelta = settings.AXES_COOLOFF_TIME
    minutes = cool_off // timedelta(minutes=1)
    said = f"Too many wrong passwords: wait {minutes} minutes, then try again. An operator who can't wait runs: "
    headers = {"Retry-After": str(int(cool_off.total_seconds()))}
    return HttpResponse(f"{said}manage.py axes_reset\n", status=429, content_type="text/plain", headers=headers)


class AdminAddressesMiddleware:
    """Refuses all pages of the admin to addresses outside of ADMIN_ADDRESSES, unless that is empty."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, *_view: Any) -> HttpResponse | None:
        match = request.resolver_match
        if match is None or "admin" not in match.namespaces or not settings.ADMIN_ADDRESSES:
            return None
        peer = client_address(request.META)
        if peer and any(peer in network for network in settings.ADMIN_ADDRESSES):
            return None
        said = f"The admin is not open to this address, {peer or 'unknown'}: it is not in ADMIN_ADDRESSES.\n"
        return HttpResponse(said, status=403, content_type="text/plain")
