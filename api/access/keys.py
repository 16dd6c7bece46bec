"""API keys: authentication by a header, and permission while anonymous access is off."""

from datetime import UTC, datetime, timedelta

import structlog
from django.conf import settings
from django.contrib.auth import get_user
from django.db import DatabaseError, connection
from django.utils.crypto import salted_hmac
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from api.models import ApiKey, digest, new_pseudonym_secret
from api.params.pseudonyms import Project

log = structlog.get_logger("api")

HOW = "as `Authorization: Bearer <key>` or `X-API-Key: <key>`"
MINUTE = timedelta(minutes=1)
WRITE_WAIT_MS = 100  # for the catalog's write lock: recording a use is not worth more of the request's time


class KeyAuthentication(BaseAuthentication):
    """Sets request.auth to the ApiKey of the request, if it has one. An invalid key is a 401 that says why, also where
    no key is needed: its owner has to know."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey] | None:
        sent = sent_key(request.headers.get("Authorization", ""), request.headers.get("X-API-Key", ""))
        if sent is None:
            return None
        # Looked up by its digest: timing could reveal parts of a SHA-256, from which no key can be made.
        key = ApiKey.objects.filter(digest=digest(sent)).first()
        now = datetime.now(UTC)
        if key is None:
            raise AuthenticationFailed(
                f"This API key is unknown: send it whole, {HOW}, or ask the operator for a new one.", "unknown_key"
            )
        if (state := key.state(now)) != "active":
            when = key.revoked_at if state == "revoked" else key.expires_at
            raise AuthenticationFailed(
                f"The API key {key.prefix}… {_past(state)} {when:%Y-%m-%d %H:%M} UTC: ask the operator for a new one.",
                f"{state}_key",
            )
        record_use(key, now)
        return None, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Bluesky Post Explorer"'


class KeyPermission(BasePermission):
    """Needs a key while the flag anonymous_access is off, or the session of who has signed in to the admin: a browser
    sends no key. The view has `flags`."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.auth is None and not view.flags.anonymous_access and not signed_in(request):  # type: ignore[attr-defined]
            raise NotAuthenticated(f"Anonymous access is off: send an API key {HOW}. The operator issues keys.")
        return True


def signed_in(request: Request) -> bool:
    """By a session of the admin. For reading only: a POST would need a token against forgery."""
    if request.method not in SAFE_METHODS or not hasattr(request, "session"):
        return False
    user = get_user(request._request)
    return user.is_active and bool(getattr(user, "is_staff", False))


def known_reader(request: Request) -> bool:
    """Who has sent a key, or has signed in to the admin."""
    cookie: str = settings.SESSION_COOKIE_NAME
    return request.auth is not None or (cookie in request.COOKIES and signed_in(request))


def project(request: Request) -> Project:
    """With whom a request shares its pseudonyms."""
    return Project(request.auth, request.auth.force_pseudonyms) if isinstance(request.auth, ApiKey) else Project()


def pseudonym_secret(whose: Project) -> bytes:
    """Of the key, made when it is first asked for; of all requests without a key the same."""
    if whose.key is None:
        return salted_hmac("pseudonyms of requests without a key", "", algorithm="sha256").digest()
    keys = ApiKey.objects.filter(pk=whose.key.pk)
    if not whose.key.pseudonym_secret:  # a key of before; of two requests at a time one makes it
        keys.filter(pseudonym_secret="").update(pseudonym_secret=new_pseudonym_secret())
        whose.key.pseudonym_secret = keys.values_list("pseudonym_secret", flat=True).get()
    return str(whose.key.pseudonym_secret).encode()


def sent_key(authorization: str, x_api_key: str) -> str | None:
    """None when neither header has one. Schemes other than Bearer are left to the proxy."""
    scheme, _, credentials = authorization.strip().partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else x_api_key.strip() or None


def record_use(key: ApiKey, now: datetime) -> None:
    """At most once a minute. A locked catalog never fails the request: the next use is recorded instead."""
    if key.last_used_at is not None and now - key.last_used_at < MINUTE:
        return
    usual_ms = int(connection.settings_dict["OPTIONS"]["timeout"] * 1000)
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {WRITE_WAIT_MS}")
            try:
                ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {usual_ms}")
    except DatabaseError as error:
        log.warning("use of an API key not recorded", key=key.prefix, error=str(error))


def _past(state: str) -> str:
    return "was revoked on" if state == "revoked" else "expired on"
