"""System checks: settings that are each allowed and wrong together. `manage.py check` and every start say so."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, register
from django.core.checks import Warning as Caution

TAG = "api"
LOCAL = {"localhost", "127.0.0.1", "[::1]", "::1", "testserver"}


@register(TAG)
def debug(**_: Any) -> list[CheckMessage]:
    public = sorted(host for host in settings.ALLOWED_HOSTS if host not in LOCAL and not host.endswith(".localhost"))
    if not settings.DEBUG or not public:
        return []
    return [
        Caution(
            f"DJANGO_DEBUG=true, and yet DJANGO_ALLOWED_HOSTS has {', '.join(public)}: strangers would see tracebacks.",
            hint="Set DJANGO_DEBUG=false and a DJANGO_SECRET_KEY before others can reach this machine.",
            id="api.W001",
        )
    ]
