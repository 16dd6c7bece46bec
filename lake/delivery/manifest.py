"""The manifest of an export: what it holds, for those who publish the data."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings

from ingest.models import Connection
from lake.delivery.software import commit
from lake.export.columns import ExportColumn
from lake.export.spec import ExportSpec
from lake.flags.definitions import Flags
from lake.query.rendering import render
from lake.query.spec import OPTED_OUT, SIGNED_IN_ONLY, Search
from lake.schema import VERSION
from lake.storage.parquet_writer import SOFTWARE
from process.instants import iso, iso_us, now_us

MATCHING = (
    "Words and phrases match anywhere in the text, also inside words, in any case (by DuckDB's lower()); all "
    "must match unless OR stands between them; * is any text; exact ones touch no letter or digit."
)
_WITHHELD = {
    OPTED_OUT: "what is of accounts that have opted out",
    SIGNED_IN_ONLY: "what is of accounts whose profile asks to be shown only to readers who have signed in",
}
FLAGS = ("hide_deleted", "purge_deleted", "export_enabled", "export_limit_rows", "query_timeout_seconds")


def describe(spec: ExportSpec, parameters: Mapping[str, Any], flags: Flags) -> dict[str, Any]:
    """What is known before the first row, as JSON. `parameters`: of the request, by name."""
    search = spec.search
    return {
        "made_at": iso_us(now_us()),
        "query": _query(spec),
        "pseudonyms": spec.pseudonyms is not None,
        "parameters": dict(parameters),
        "window": {
            "clock": search.clock,
            "start": iso_or_none(search.start),
            "end": iso_or_none(search.end),
            "seen_until": search.as_of,
        },
        "sources": _sources(search),
        "matching": MATCHING,
        "order": f"{', '.join((search.clock, *_order(search)))}; {'newest' if search.newest else 'oldest'} first",
        "columns": _columns(spec.columns),
        "newest_seen": search.as_of,
        "as_of": search.as_of,
        "hidden": _hidden(search),
        "row_limit": spec.limit,
        "row_limit_by": _limit_by(spec.limit, parameters.get("limit")),
        "flags": {name: getattr(flags, name) for name in FLAGS},
        "software": SOFTWARE,
        "commit": commit(),
        "schema_version": VERSION,
    }


def _query(spec: ExportSpec) -> str:
    """The handles in it are DIDs."""
    query = render(spec.search.query)
    return query if spec.pseudonyms is None else str(spec.pseudonyms.texts([query])[0])


def _order(search: Search) -> list[str]:
    """What orders rows of the same time and is in the file."""
    return [name for name in search.of.order if name != "version"]


def _columns(columns: Sequence[ExportColumn]) -> list[dict[str, str]]:
    return [{"name": column.name, "type": column.kind.value, "meaning": column.meaning} for column in columns]


def _limit_by(limit: int | None, asked: int | None) -> str | None:
    """The parameter or the flag that sets the limit."""
    if limit is None:
        return None
    return "limit" if limit == asked else "export_limit_rows"


def _sources(search: Search) -> dict[str, list[str]]:
    """The hosts that sent events of the window, as the journal of connections has them, and the collections that are
    subscribed to now. What was created in a window was seen from its start on."""
    low, high = search.span()
    rows = Connection.objects.filter(last_received__gte=low)
    if search.clock == "seen":
        rows = rows.filter(first_received__lte=high)
    hosts = rows.order_by("host").values_list("host", flat=True).distinct()
    return {"hosts": list(hosts), "collections": list(settings.JETSTREAM_COLLECTIONS)}


def times(ends: tuple[int, int] | None) -> dict[str, str | None]:
    """`ends`: of the first and the last row, in microseconds."""
    first, last = (None, None) if ends is None else map(iso_us, ends)
    return {"first_row": first, "last_row": last}


def _hidden(search: Search) -> str:
    if search.hide:
        said = "what was deleted, replaced by a newer version, or is of an account that is not active"
    else:
        said = "nothing but what was purged; deleted and replaced versions are here, as far as they are still there"
    return "; ".join([said, *(_WITHHELD[name] for name in search.withhold)])


def iso_or_none(time: datetime | None) -> str | None:
    return None if time is None else iso(time, "microseconds")
