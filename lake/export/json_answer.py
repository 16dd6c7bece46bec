"""Rows as one JSON answer, with `meta` after the last row."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lake.export.columns import ExportColumn
from lake.export.formats import Ndjson, Table


class JsonAnswer(Ndjson):
    """{"results": [...], "meta": {...}}. `meta`: is called after the last row."""

    suffix = "json"
    media_type = "application/json"

    def __init__(self, columns: Sequence[ExportColumn], meta: Callable[[], Mapping[str, Any]]) -> None:
        super().__init__(columns)
        self._meta, self._separator = meta, b""

    def begin(self) -> bytes:
        return b'{"results":['

    def rows(self, table: Table) -> bytes:
        lines = super().rows(table)[:-1]
        before, self._separator = self._separator, b","
        return before + lines.replace(b"\n", b",")

    def end(self) -> bytes:
        return b'],"meta":' + json.dumps(self._meta()).encode() + b"}"
