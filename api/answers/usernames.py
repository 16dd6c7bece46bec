"""Handles and DIDs: in the query, where handles become DIDs, and in answers, where DIDs get their handles."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from rest_framework.exceptions import NotFound

from api.params.query import to_search
from ingest.handles.appview import HandleServiceDown
from ingest.handles.lookup import Handles
from lake.flags.definitions import Flags
from lake.query.handles import resolve_handles, with_did
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
    return replace(search, query=resolve_handles(search.query, _resolving(search.timeout)))


def pinned_search(values: Mapping[str, Any], flags: Flags) -> Search:
    """The search of validated parameters, with DIDs for handles, over what the lake holds now. Raises as with_dids."""
    return pin_snapshot(with_dids(to_search(values, flags)))


def uris_with_dids(uris: Iterable[str], seconds: float) -> list[str]:
    """Each once. Raises as with_dids."""
    did_of = _resolving(seconds)
    return list(dict.fromkeys(with_did(uri, did_of) for uri in uris))


def _resolving(seconds: float) -> Callable[[str], str]:
    """DID by handle, for so long: an AppView is asked for one handle after the other."""
    lookup, deadline = handle_lookup(), time.monotonic() + seconds

    def did_of(handle: str) -> str:
        if time.monotonic() > deadline:
            raise HandleServiceDown("There are more handles than can be resolved within the time limit.")
        if (did := lookup.resolve(handle)) is None:
            raise NotFound(_unknown(handle, asked=lookup.asks), "unknown_handle")
        return did

    return did_of


def _unknown(handle: str, *, asked: bool) -> str:
    if asked:
        return f"No account has the handle {handle}: check its spelling, or use the DID."
    return (
        f"The handle {handle} is not known here, and nobody was asked: this service looks no handles up, because "
        f"APPVIEW_URL is empty. Use the DID, as in did=did:plc:abc or from:did:plc:abc."
    )
