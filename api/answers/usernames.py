"""Handles and DIDs: in the query, where handles become DIDs, and in answers, where DIDs get their handles."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from rest_framework.exceptions import NotFound

from api.params.query import to_search
from ingest.handles.lookup import Handles
from lake.flags.definitions import Flags
from lake.query.handles import resolve_handles
from lake.query.spec import Search
from lake.scan.hit import Hit
from lake.scan.snapshot import pin_snapshot


@cache
def handle_lookup() -> Handles:
    """One per process."""
    return Handles.of_settings()


def usernames(hits: Iterable[Hit]) -> dict[str, str]:
    """Known handles by DID. Unknown ones are queued, to be resolved in the background."""
    dids = list({hit.did for hit in hits})
    handle_lookup().want(dids)
    return handle_lookup().names(dids)


def with_dids(search: Search) -> Search:
    """The search with a DID for each handle. Raises NotFound that names an unknown handle, and HandleServiceDown."""
    return replace(search, query=resolve_handles(search.query, _did))


def pinned_search(values: Mapping[str, Any], flags: Flags) -> Search:
    """The search of validated parameters, with DIDs for handles, over what the lake holds now. Raises as with_dids."""
    return pin_snapshot(with_dids(to_search(values, flags)))


def _did(handle: str) -> str:
    if (did := handle_lookup().resolve(handle)) is None:
        raise NotFound(f"No account has the handle {handle}: check its spelling, or use the DID.", "unknown_handle")
    return did
