"""What events say about handles: authors of posts, claims of handles, accounts that changed. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ingest.events import EARLIEST_TIME_US, Event, read
from ingest.handles.store import LONGEST_DID, Claim
from ingest.identifiers import is_did, normalize_handle

POST = "app.bsky.feed.post"


@dataclass
class Sightings:
    """`authors`: of posts. `claims`: in the order of the events. `changed`: DIDs whose handle may have changed, with
    the time in microseconds."""

    authors: set[str] = field(default_factory=set)
    claims: list[Claim] = field(default_factory=list)
    changed: dict[str, int] = field(default_factory=dict)


class _Account(msgspec.Struct, gc=False):
    """What matters of an identity or account object; any field may be missing or of any type."""

    handle: Any = None
    status: Any = None


_decode = msgspec.json.Decoder(_Account).decode


def collect(frames: Iterable[bytes], now: int, found: Sightings) -> None:
    """Adds the sightings in these frames to `found`. `now`: microseconds since 1970, taken for an implausible time.
    Skips frames that are no events."""
    for frame in frames:
        event = read(frame)
        if isinstance(event, Event) and is_did(event.did, LONGEST_DID):
            at = event.time_us if EARLIEST_TIME_US <= event.time_us <= now else now
            _note(found, event, at)


def _note(found: Sightings, event: Event, at: int) -> None:
    if event.commit is not None:
        if event.commit.collection == POST and event.commit.operation != "delete":
            found.authors.add(event.did)
        return
    account = _decode(event.body)
    if event.kind == "account" and account.status == "deleted":
        found.claims.append(Claim(event.did, None, at))
        return
    found.changed[event.did] = at
    if event.kind == "identity" and isinstance(account.handle, str):
        found.claims.append(Claim(event.did, normalize_handle(account.handle), at))
