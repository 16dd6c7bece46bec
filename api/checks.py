"""System checks: settings that are each valid and wrong together. `manage.py check` and every start report them."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, register
from django.core.checks import Warning as Caution

TAG = "api"
LOCAL = {"localhost", "127.0.0.1", "[::1]", "::1", "testserver"}


def public(hosts: Iterable[str]) -> list[str]:
    """Hosts by which other machines can reach this one."""
    return sorted(host for host in hosts if host not in LOCAL and not host.endswith(".localhost"))


@register(TAG)
def debug(**_: Any) -> list[CheckMessage]:
    others = public(settings.ALLOWED_HOSTS)
    if not settings.DEBUG or not others:
        return []
    return [
        Caution(
            f"DJANGO_DEBUG=true, but DJANGO_ALLOWED_HOSTS has {', '.join(others)}: strangers would see tracebacks.",
            hint="Set DJANGO_DEBUG=false and a DJANGO_SECRET_KEY before others can reach this machine.",
            id="api.W001",
        )
    ]
