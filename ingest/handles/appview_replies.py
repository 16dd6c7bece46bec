"""What the AppView's replies mean. Pure."""

from collections.abc import Collection
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http.client import HTTPException
from typing import NamedTuple

import msgspec

from ingest.identifiers import is_did, normalize_handle

MAX_ANSWER = 2 << 20  # bytes; 25 profiles are 100 KB
MAX_ASKED_DELAY = 3600.0  # seconds that a Retry-After may ask for


class Outcome(StrEnum):
    """What became of a call."""

    ANSWERED = "answered"
    REFUSED = "refused"  # 400: there is no such handle, or an actor that it does not understand
    LIMITED = "limited"  # 429: we ask too often
    FAILED = "failed"  # any other status, a redirect too
    UNREADABLE = "unreadable"  # not the JSON that was promised, or too much of it
    UNREACHABLE = "unreachable"
    SLOW = "slow"  # no whole answer within ANSWER_SECONDS


class Reply(NamedTuple):
    """`retry_after`, `location`: headers, empty where missing. `body`: up to one byte more than MAX_ANSWER."""

    status: int
    body: bytes
    retry_after: str = ""
    location: str = ""


def judge(reply: Reply) -> tuple[Outcome, str]:
    """The outcome of a reply that came whole, and why it is no answer."""
    if len(reply.body) > MAX_ANSWER:
        return Outcome.UNREADABLE, f"answered with more than {MAX_ANSWER:,} bytes"
    if reply.status == 200:
        return Outcome.ANSWERED, "answered with nothing"
    if reply.status in (400, 414):
        return Outcome.REFUSED, f"refused the question with status {reply.status}"
    if reply.status == 429:
        return Outcome.LIMITED, "asks us to wait (status 429)"
    if 300 <= reply.status < 400:
        return Outcome.FAILED, f"sends us on to {reply.location[:200]!r}: set APPVIEW_URL to where it is"
    return Outcome.FAILED, f"answered with status {reply.status}"


def judge_error(error: Exception) -> tuple[Outcome, str]:
    if isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError):
        return Outcome.SLOW, "did not answer in time"
    if isinstance(error, OSError | HTTPException):
        return Outcome.UNREACHABLE, f"can't be reached ({str(error) or type(error).__name__})"
    return Outcome.UNREADABLE, "answered with what can't be read"


def asked_delay(retry_after: str, now: datetime) -> float | None:
    """Seconds that a Retry-After asks for, as a number or as a date; None when it does not."""
    try:
        if retry_after.isdecimal():
            seconds = float(retry_after)
        else:
            seconds = (parsedate_to_datetime(retry_after) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, min(MAX_ASKED_DELAY, seconds))


class _Profiles(msgspec.Struct):
    profiles: list[msgspec.Raw]


class _Profile(msgspec.Struct):
    did: str
    handle: str


class _Did(msgspec.Struct):
    did: str


_decode_profiles = msgspec.json.Decoder(_Profiles).decode
_decode_profile = msgspec.json.Decoder(_Profile).decode
_decode_did = msgspec.json.Decoder(_Did).decode


def read_profiles(body: bytes, asked: Collection[str]) -> dict[str, str]:
    """The handles in an answer of getProfiles: only of those asked for, only valid ones. A profile that can't be read
    is left out. Raises ValueError or RecursionError when the whole can't be read."""
    found = {}
    for raw in _decode_profiles(body).profiles:
        try:
            profile = _decode_profile(raw)
        except msgspec.ValidationError:
            continue
        handle = normalize_handle(profile.handle)
        if handle and profile.did in asked:
            found[profile.did] = handle
    return found


def read_did(body: bytes) -> str:
    """Raises ValueError or RecursionError when it can't be read."""
    did = _decode_did(body).did
    if not is_did(did):
        raise ValueError("no DID")
    return did
