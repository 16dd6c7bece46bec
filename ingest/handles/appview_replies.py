"""What the replies of an AppView mean. Pure."""

from collections.abc import Collection
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http.client import HTTPException
from typing import NamedTuple

import msgspec

from ingest.identifiers import is_did, normalize_handle

MAX_ANSWER = 2 << 20  # bytes; 25 profiles are 100 KB
MAX_RETRY_AFTER = 3600.0  # seconds; a longer Retry-After counts as this


class Outcome(StrEnum):
    """How a call ended."""

    ANSWERED = "answered"
    REFUSED = "refused"  # 400: no such handle, or an actor that it does not accept
    LIMITED = "limited"  # 429: too many calls
    FAILED = "failed"  # any other status, redirects included
    UNREADABLE = "unreadable"  # not the expected JSON, or too long
    UNREACHABLE = "unreachable"
    SLOW = "slow"  # no whole answer in time


class Reply(NamedTuple):
    """`retry_after`, `location`: headers, empty if missing. `body`: longer than MAX_ANSWER if there was more."""

    status: int
    body: bytes
    retry_after: str = ""
    location: str = ""


def judge(reply: Reply) -> tuple[Outcome, str]:
    """The outcome of a whole reply, and the reason, which completes "The AppView ..."."""
    if len(reply.body) > MAX_ANSWER:
        return Outcome.UNREADABLE, f"answered with more than {MAX_ANSWER:,} bytes"
    if reply.status == 200:
        return Outcome.ANSWERED, "answered with nothing"
    if reply.status in (400, 414):
        return Outcome.REFUSED, f"rejected the request with status {reply.status}"
    if reply.status == 429:
        return Outcome.LIMITED, "limits our calls (status 429)"
    if 300 <= reply.status < 400:
        return Outcome.FAILED, f"redirects to {reply.location[:200]!r}: set APPVIEW_URL to where it is"
    return Outcome.FAILED, f"answered with status {reply.status}"


def judge_error(error: Exception) -> tuple[Outcome, str]:
    """The same of a call that raised."""
    if isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError):
        return Outcome.SLOW, "did not answer in time"
    if isinstance(error, OSError | HTTPException):
        return Outcome.UNREACHABLE, f"can't be reached ({str(error) or type(error).__name__})"
    return Outcome.UNREADABLE, "answered with something that is not the expected JSON"


def retry_delay(retry_after: str, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header, which is a number or a date; None if it is missing or neither."""
    try:
        if retry_after.isdecimal():
            seconds = float(retry_after)
        else:
            seconds = (parsedate_to_datetime(retry_after) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, min(MAX_RETRY_AFTER, seconds))


class _Profiles(msgspec.Struct):
    profiles: list[msgspec.Raw]


class _Profile(msgspec.Struct):
    did: str
    handle: str


class _Did(msgspec.Struct):
    did: str


def read_profiles(body: bytes, asked: Collection[str]) -> dict[str, str]:
    """The handles in an answer of getProfiles, by DID: valid ones, of the DIDs in `asked`. A profile that can't be
    decoded is skipped. Raises ValueError or RecursionError when the answer as a whole can't."""
    handles = {}
    for raw in msgspec.json.decode(body, type=_Profiles).profiles:
        try:
            profile = msgspec.json.decode(raw, type=_Profile)
        except msgspec.ValidationError:
            continue
        handle = normalize_handle(profile.handle)
        if handle and profile.did in asked:
            handles[profile.did] = handle
    return handles


def read_did(body: bytes) -> str:
    """The DID in an answer of resolveHandle. Raises ValueError or RecursionError when there is none."""
    did = msgspec.json.decode(body, type=_Did).did
    if not is_did(did):
        raise ValueError("not a DID")
    return did
