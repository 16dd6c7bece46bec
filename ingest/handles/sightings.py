"""What events say about handles: authors of posts, claims of handles, accounts that changed. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ingest.events import EARLIEST_TIME_US
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


class _Commit(msgspec.Struct, gc=False):
    operation: Any = None
    collection: Any = None


class _Identity(msgspec.Struct, gc=False):
    handle: Any = None


class _Account(msgspec.Struct, gc=False):
    status: Any = None


class _Frame(msgspec.Struct, gc=False):
    did: str
    time_us: int
    commit: _Commit | None = None
    identity: _Identity | None = None
    account: _Account | None = None


_decode = msgspec.json.Decoder(_Frame).decode


def collect(frames: Iterable[bytes], now: int, found: Sightings) -> None:
    """Adds the sightings in these frames to `found`. `now`: microseconds since 1970, taken for an implausible time.
    Skips frames that can't be decoded."""
    for raw in frames:
        try:
            frame = _decode(raw)
        except (ValueError, RecursionError):  # of msgspec: no JSON, no UTF-8, another shape; nested too deeply
            continue
        if is_did(frame.did, LONGEST_DID):
            at = frame.time_us if EARLIEST_TIME_US <= frame.time_us <= now else now
            _note(found, frame, at)


def _note(found: Sightings, frame: _Frame, at: int) -> None:
    if frame.commit is not None:
        if frame.commit.collection == POST and frame.commit.operation in ("create", "update"):
            found.authors.add(frame.did)
    elif frame.account is not None and frame.account.status == "deleted":
        found.claims.append(Claim(frame.did, None, at))
    elif frame.account is not None or frame.identity is not None:
        found.changed[frame.did] = at
        if frame.identity is not None and isinstance(frame.identity.handle, str):
            found.claims.append(Claim(frame.did, normalize_handle(frame.identity.handle), at))
