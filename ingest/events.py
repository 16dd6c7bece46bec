"""The only parser of frames: an event, or a drop with its reason. The envelope is decoded, the record stays JSON text.

Consumer, flusher and resolver all take what `read` returns, so a hostile frame means the same to each of them: of a
key that occurs twice the last value counts.
"""

import base64
import hashlib
import re
from enum import StrEnum
from itertools import accumulate
from typing import Any, Literal

import libipld
import msgspec

MAX_DEPTH = 920  # levels of a frame; msgspec itself ends at some 950 to 10,000, by the version of Python and the caller
EARLIEST_TIME_US = 1_640_995_200_000_000  # 2022-01-01: Bluesky has no older event, a smaller time_us is an error


class DropReason(StrEnum):
    """Why a frame is not an event: a closed set, used by dead letters and metrics."""

    NOT_UTF8 = "not_utf8"  # bytes that are not text
    NOT_JSON = "not_json"  # cut, junk, or a string with a lone surrogate
    TOO_DEEP = "too_deep"  # nested deeper than MAX_DEPTH; the protocol's guideline is 32
    UNKNOWN_KIND = "unknown_kind"  # JSON of a kind that this version does not know
    MALFORMED = "malformed"  # a known kind whose envelope lacks a field or has one of a wrong type
    POISON = "poison"  # an event that the lake can not write, unlike all others of its batch


class Commit(msgspec.Struct, frozen=True, gc=False):
    """`record`: JSON text as received; empty if absent, as in most deletes."""

    rev: str
    operation: Literal["create", "update", "delete"]
    collection: str
    rkey: str
    record: msgspec.Raw = msgspec.Raw(b"")
    cid: str | None = None


class _Envelope(msgspec.Struct, gc=False):
    """All fields of an identity or account event are optional on the wire: the lake types them."""

    kind: str
    did: str
    time_us: int
    commit: Commit | None = None
    identity: msgspec.Raw = msgspec.Raw(b"")
    account: msgspec.Raw = msgspec.Raw(b"")
    cursor: int | None = None


class Event(msgspec.Struct, frozen=True, gc=False):
    """A frame that we keep.

    time_us  microseconds since 1970 by the server's clock; on a hostile wire any integer
    seq      the server's own sequence number, sent by servers of the second generation
    commit   None for an identity or account event
    body     JSON text as received: the record, or the identity or account object; empty for a delete without a record
    """

    frame: bytes
    kind: str
    time_us: int
    seq: int | None
    did: str
    commit: Commit | None
    body: msgspec.Raw


class Drop(msgspec.Struct, frozen=True, gc=False):
    frame: bytes
    reason: DropReason


_decode = msgspec.json.Decoder(_Envelope).decode
CID_BYTES = 36
_CID_PREFIX = b"\x01\x71\x12\x20"  # version 1, DAG-CBOR, SHA-256 of 32 bytes


def read(frame: bytes) -> Event | Drop:
    """The event in `frame`, or why it is none. Never raises: any bytes may come from outside."""
    try:
        if not frame.isascii():
            frame.decode()  # msgspec does not look at the bytes of a raw record
        if _is_too_deep(frame):
            return Drop(frame, DropReason.TOO_DEEP)
        envelope = _decode(frame)
    except UnicodeDecodeError:
        return Drop(frame, DropReason.NOT_UTF8)
    except msgspec.ValidationError:
        return Drop(frame, _invalid(frame))
    except msgspec.DecodeError:
        return Drop(frame, DropReason.NOT_JSON)
    if envelope.kind not in ("commit", "identity", "account"):
        return Drop(frame, DropReason.UNKNOWN_KIND)
    body = _body(envelope)
    if body is None:
        return Drop(frame, DropReason.MALFORMED)
    commit = envelope.commit if envelope.kind == "commit" else None
    return Event(frame, envelope.kind, envelope.time_us, envelope.cursor, envelope.did, commit, body)


def _body(envelope: _Envelope) -> msgspec.Raw | None:
    """The body that the kind promises; None when it is missing, or when either of the others is no object."""
    commit, identity, account = envelope.commit, envelope.identity, envelope.account
    if (identity or account) and not (_is_object_or_absent(identity) and _is_object_or_absent(account)):
        return None
    if envelope.kind == "commit":
        return commit.record if commit and (commit.record or commit.operation == "delete") else None
    body = identity if envelope.kind == "identity" else account
    return None if bytes(body) in _ABSENT else body


_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|$)|([\[{])|([\]}])', re.DOTALL)


def _is_too_deep(frame: bytes) -> bool:
    if frame.count(b"{") + frame.count(b"[") <= MAX_DEPTH:  # nearly always
        return False
    steps = (bool(match[1]) - bool(match[2]) for match in _STRING_OR_BRACKET.finditer(frame))
    return max(accumulate(steps)) > MAX_DEPTH


_ABSENT = (b"", b"null")


def _is_object_or_absent(raw: msgspec.Raw) -> bool:
    return bytes(raw).startswith(b"{") or bytes(raw) in _ABSENT


class _Kind(msgspec.Struct):
    kind: msgspec.Raw = msgspec.Raw(b"")


_KNOWN_KINDS = (b'"commit"', b'"identity"', b'"account"')
_decode_kind = msgspec.json.Decoder(_Kind).decode


def _invalid(frame: bytes) -> DropReason:
    """Valid JSON with another envelope: of a known kind it is malformed, else the kind is what we don't know."""
    try:
        known = bytes(_decode_kind(frame).kind) in _KNOWN_KINDS
    except msgspec.ValidationError:  # no object at all
        known = False
    except msgspec.DecodeError:  # the first reading had ended before the place where it is no JSON
        return DropReason.NOT_JSON
    return DropReason.MALFORMED if known else DropReason.UNKNOWN_KIND


def record_cid(record: Any) -> str:
    """The CID (version 1, DAG-CBOR, SHA-256, base32) of a record given as parsed data-model JSON.

    Raises ValueError for what DAG-CBOR can't hold: integers beyond 64 bits, NaN, lone surrogates, deep nesting.
    Source: the data model of the AT Protocol.
    """
    return "b" + base64.b32encode(cid_bytes(record)).decode().lower().rstrip("=")


def cid_bytes(record: Any, plain: bool = False) -> bytes:
    """The same before base 32. `plain`: the record is known to hold neither links nor bytes."""
    try:
        block = libipld.encode_dag_cbor(record if plain else _from_json(record))
    except RecursionError as error:
        raise ValueError("nested too deeply for DAG-CBOR") from error
    return _CID_PREFIX + hashlib.sha256(block).digest()


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        if len(value) == 1:
            if isinstance(link := value.get("$link"), str):
                return _unpadded(base64.b32decode, link[1:].upper(), 8)
            if isinstance(data := value.get("$bytes"), str):
                return _unpadded(base64.b64decode, data.rstrip("="), 4)
        return {key: _from_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_from_json(item) for item in value]
    return value


def _unpadded(decode: Any, text: str, block: int) -> bytes:
    decoded: bytes = decode(text + "=" * (-len(text) % block))
    return decoded
