"""The manifest of an export: what it holds, for those who publish the data."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from lake.export.columns import ExportColumn
from lake.export.spec import ExportSpec
from lake.flags.definitions import Flags
from lake.query.rendering import render
from lake.query.spec import LAST_US, Search
from lake.schema import VERSION
from lake.storage.parquet_writer import SOFTWARE
from process.instants import iso, iso_us, now_us

FLAGS = ("hide_deleted", "purge_deleted", "export_enabled", "export_limit_rows", "query_timeout_seconds")


def describe(spec: ExportSpec, parameters: Mapping[str, Any], flags: Flags) -> dict[str, Any]:
    """What is known before the first row, as JSON. `parameters`: of the request, by name."""
    search = spec.search
    snapshot = None if search.snapshot_us == LAST_US else iso_us(search.snapshot_us)
    return {
        "made_at": iso_us(now_us()),
        "query": render(search.query),
        "parameters": dict(parameters),
        "window": {
            "clock": search.clock,
            "start": iso_or_none(search.start),
            "end": iso_or_none(search.end),
            "seen_until": snapshot,
        },
        "order": f"{', '.join((search.clock, *_order(search)))}; {'newest' if search.newest else 'oldest'} first",
        "columns": _columns(spec.columns),
        "newest_seen": snapshot,
        "hidden": _hidden(search),
        "row_limit": spec.limit,
        "flags": {name: getattr(flags, name) for name in FLAGS},
        "software": SOFTWARE,
        "schema_version": VERSION,
    }


def _order(search: Search) -> list[str]:
    """What orders rows of the same time and is in the file."""
    return [name for name in search.of.order if name != "version"]


def _columns(columns: Sequence[ExportColumn]) -> list[dict[str, str]]:
    return [{"name": column.name, "type": column.kind.value, "meaning": column.meaning} for column in columns]


def _hidden(search: Search) -> str:
    if search.hide:
        return "what was deleted, replaced by a newer version, or is of an account that is not active"
    return "nothing but what was purged; deleted and replaced versions are here, as far as they are still there"


def iso_or_none(time: datetime | None) -> str | None:
    return None if time is None else iso(time, "microseconds")
