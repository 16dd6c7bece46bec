"""System checks: settings that are each allowed and wrong together. `manage.py check` and every start say so."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as Caution

TAG = "ingest"
MAX_COLLECTIONS = 100  # Jetstream refuses a connection that wants more
HIGH_WATER = 0.9


@register(TAG)
def collections(**_: Any) -> list[CheckMessage]:
    wanted = len(set(settings.JETSTREAM_COLLECTIONS))
    if wanted <= MAX_COLLECTIONS:
        return []
    return [
        Error(
            f"JETSTREAM_COLLECTIONS names {wanted} collections, Jetstream takes {MAX_COLLECTIONS} at the most.",
            hint="Name fewer, use app.bsky.graph.* for all of a family, or leave it empty for all there are.",
            id="ingest.E001",
        )
    ]


@register(TAG)
def ports(**_: Any) -> list[CheckMessage]:
    """Each process serves on a port of its own; 0 serves none."""
    owners: dict[int, list[str]] = {}
    for name in sorted(name for name in dir(settings) if name.startswith("METRICS_PORT_") or name == "WEB_PORT"):
        owners.setdefault(getattr(settings, name), []).append(name)
    return [
        Error(
            f"{' and '.join(names)} are all {port}: the second process could not start.",
            hint="Give each a port of its own; 0 turns metrics off.",
            id="ingest.E002",
        )
        for port, names in owners.items()
        if port and len(names) > 1
    ]


@register(TAG)
def high_water(**_: Any) -> list[CheckMessage]:
    if settings.BUFFER_HIGH_WATER <= HIGH_WATER:
        return []
    return [
        Caution(
            f"BUFFER_HIGH_WATER={settings.BUFFER_HIGH_WATER:g} leaves little of Redis for what is on its way.",
            hint=f"Set {HIGH_WATER} or less, or Redis may refuse events before the consumer pauses.",
            id="ingest.W001",
        )
    ]
