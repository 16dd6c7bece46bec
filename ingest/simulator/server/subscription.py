"""A subscriber's request: the query of /subscribe, and the messages that change it. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import msgspec

from ingest.identifiers import is_nsid
from ingest.simulator.log import Log

MAX_COLLECTIONS, MAX_DIDS = 100, 10_000
_FIRST_TIME_US = 10**15  # on a server of the second generation a smaller cursor is a sequence number


class Refused(ValueError):
    """A request answered with HTTP 400; the text is the body."""


class _Commit(msgspec.Struct):
    collection: str


class _Envelope(msgspec.Struct):
    did: str = ""
    commit: _Commit | None = None


_decode = msgspec.json.Decoder(_Envelope).decode


@dataclass(frozen=True)
class EventFilter:
    """Events to send. An empty field passes all; account and identity events pass any collection."""

    collections: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    dids: frozenset[str] = frozenset()

    def all(self) -> bool:
        return not (self.collections or self.prefixes or self.dids)

    def includes(self, frame: bytes) -> bool:
        try:
            envelope = _decode(frame)
        except msgspec.DecodeError:
            return True  # a frame of a test that is not an event
        if self.dids and envelope.did not in self.dids:
            return False
        if envelope.commit is None or not (self.collections or self.prefixes):
            return True
        collection = envelope.commit.collection
        return collection in self.collections or collection.startswith(self.prefixes)


def event_filter(collections: Sequence[str], dids: Sequence[str]) -> EventFilter:
    """Raises Refused, with the words of the real server."""
    unique = {name for name in collections if name}
    for name in unique:
        if not name.endswith(".*") and not is_nsid(name):
            raise Refused(f"invalid subscriber options: invalid collection: {name}")
    if len(unique) > MAX_COLLECTIONS:
        raise Refused("invalid subscriber options: too many wanted collections")
    wanted_dids = frozenset(did for did in dids if did)
    if len(wanted_dids) > MAX_DIDS:
        raise Refused("invalid subscriber options: too many wanted DIDs")
    exact = frozenset(name for name in unique if not name.endswith(".*"))
    return EventFilter(exact, tuple(sorted(name[:-1] for name in unique - exact)), wanted_dids)


@dataclass(frozen=True)
class Subscription:
    """`cursor`: None for the live tail."""

    cursor: int | None
    filter: EventFilter


def subscription(path: str) -> Subscription:
    """The subscription in a request path with its query. Raises Refused."""
    query = parse_qs(urlsplit(path).query)
    return Subscription(
        _cursor(query.get("cursor", [""])[0]),
        event_filter(query.get("wantedCollections", []), query.get("wantedDids", [])),
    )


def _cursor(text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,19}", text):
        raise Refused(f"invalid cursor: {text}")
    return int(text)


def start_position(cursor: int | None, log: Log, by_seq: bool) -> int:
    """The position of the first frame to send, inclusive: the oldest in memory at the least, the end at the most.

    `by_seq`: small cursors are sequence numbers: the position plus one.
    """
    if cursor is None:
        return log.end
    if by_seq and cursor < _FIRST_TIME_US:
        return min(max(cursor - 1, log.first), log.end)
    return log.position_at(cursor)


class _Options(msgspec.Struct):
    collections: list[str] | None = msgspec.field(default=None, name="wantedCollections")
    dids: list[str] | None = msgspec.field(default=None, name="wantedDids")


class _Message(msgspec.Struct):
    type: str
    payload: _Options = msgspec.field(default_factory=_Options)


_decode_message = msgspec.json.Decoder(_Message).decode


def updated(message: str) -> EventFilter | None:
    """The new filter in a client's message; None if it is of another type. Raises Refused."""
    try:
        options = _decode_message(message)
    except msgspec.DecodeError as error:
        raise Refused(f"invalid message: {error}") from error
    if options.type != "options_update":
        return None
    return event_filter(options.payload.collections or [], options.payload.dids or [])
