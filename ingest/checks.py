"""System checks of settings that are valid alone and wrong together. `manage.py check` and every start run them."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as Caution

TAG = "ingest"
MAX_COLLECTIONS = 100  # Jetstream refuses a connection with more
HIGH_WATER = 0.9


@register(TAG)
def collections(**_: Any) -> list[CheckMessage]:
    count = len(set(settings.JETSTREAM_COLLECTIONS))
    if count <= MAX_COLLECTIONS:
        return []
    return [
        Error(
            f"JETSTREAM_COLLECTIONS names {count} collections, but Jetstream takes {MAX_COLLECTIONS} at most.",
            hint="Name fewer, use a pattern such as app.bsky.graph.*, or leave it empty for all collections.",
            id="ingest.E001",
        )
    ]


@register(TAG)
def ports(**_: Any) -> list[CheckMessage]:
    """Each process needs a port of its own; 0 serves none."""
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


@register(TAG, "lake")
def database_folder(**_: Any) -> list[CheckMessage]:
    """Every process locks and writes there; its parent may be a disk that is not mounted."""
    path = settings.DATABASE_PATH.resolve()
    if path.parent.is_dir():
        return []
    return [
        Error(
            f"DATABASE_PATH {path} lies in a folder that does not exist.",
            hint=f"Mount or create {path.parent}.",
            id="ingest.E003",
        )
    ]


@register(TAG)
def high_water(**_: Any) -> list[CheckMessage]:
    if settings.BUFFER_HIGH_WATER <= HIGH_WATER:
        return []
    return [
        Caution(
            f"BUFFER_HIGH_WATER={settings.BUFFER_HIGH_WATER:g} leaves Redis little room for events on their way.",
            hint=f"Set {HIGH_WATER} or less. Otherwise Redis may refuse events before the consumer pauses.",
            id="ingest.W001",
        )
    ]
