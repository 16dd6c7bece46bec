"""Handles and DIDs in requests and answers."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from rest_framework.exceptions import NotFound

from ingest.handles.lookup import Handles
from lake.query.spec import Search
from lake.query.tree import handles_in, resolve_handles
from lake.scan.hit import Hit


@cache
def handle_lookup() -> Handles:
    """One per process."""
    return Handles.of_settings()


def usernames(hits: Iterable[Hit]) -> dict[str, str]:
    """Handles by DID, as far as they are known; all are looked after in the background."""
    dids = list({hit.did for hit in hits})
    handle_lookup().want(dids)
    return handle_lookup().names(dids)


def with_dids(search: Search) -> Search:
    """The search without handles. Raises NotFound that names the one that nobody knows, and HandleServiceDown."""
    return replace(
        search, query=resolve_handles(search.query, {handle: _did(handle) for handle in handles_in(search.query)})
    )


def _did(handle: str) -> str:
    if (did := handle_lookup().resolve(handle)) is None:
        raise NotFound(f"Nobody is known as {handle}. Check its spelling, or use the account's DID.", "unknown_handle")
    return did
