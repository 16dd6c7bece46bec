"""What the admin's form of the flags reads and writes: the same values that a search goes by.

The library's own backend ends in an error on a text that it can't decode, so the form could not mend it, and stores
every default at the first look.
"""

from collections.abc import Iterable
from typing import Any

from constance.backends.database import DatabaseBackend

from lake.flags.definitions import flags, understood


class FlagBackend(DatabaseBackend):  # type: ignore[misc]
    def mget(self, keys: Iterable[str]) -> dict[str, Any]:
        values = flags()._asdict()
        return {key: values[key] for key in keys}

    def get(self, key: str) -> Any:
        return self.mget([key])[key]

    def set(self, key: str, value: Any) -> None:
        for row in self._model.objects.filter(key=key):
            if understood(key, row.value) is None:
                row.delete()
        super().set(key, value)
