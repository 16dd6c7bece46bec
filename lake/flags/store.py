"""The flags' present values, in the catalog through django-constance."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import structlog
from constance import settings
from constance.backends.database import DatabaseBackend
from constance.codecs import dumps, loads
from constance.utils import get_values

from lake.flags.definitions import Flags, Value, validated

log = structlog.get_logger("lake")


def flags() -> Flags:
    """All of them, in one query of 0.2 ms. Raises DatabaseError when the catalog can't be read."""
    return Flags(**get_values())


class FlagBackend(DatabaseBackend):  # type: ignore[misc]
    """Unlike the library's: an invalid stored value counts as absent and can be overwritten, instead of raising; an
    unreadable catalog raises, instead of meaning the defaults (anonymous access); reading stores no defaults."""

    def mget(self, keys: Iterable[str]) -> dict[str, Any]:
        stored = self._model.objects.filter(key__in=list(keys)).values_list("key", "value")
        values = {key: _decoded(key, text) for key, text in stored}
        return {key: value for key, value in values.items() if value is not None}

    def get(self, key: str) -> Any:
        return self.mget([key]).get(key, settings.CONFIG[key][0])

    def set(self, key: str, value: Any) -> None:
        self._model.objects.update_or_create(key=key, defaults={"value": dumps(value)})


@lru_cache(256)  # logs an invalid text once, not with each request
def _decoded(name: str, text: str | None) -> Value | None:
    try:
        value = validated(name, loads(text))
    except Exception:  # noqa: BLE001 - no stored text may stop searches, whatever the library's decoders raise
        value = None
    if value is None:
        log.warning("flag has an invalid value, its default applies", flag=name, stored=str(text)[:100])
    return value
