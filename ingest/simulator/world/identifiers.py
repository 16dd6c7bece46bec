"""Identifiers of the AT Protocol: TIDs, blob links, date-times, and the bytes that others are made of."""

import base64
import hashlib
import time
from functools import lru_cache
from itertools import product

import libipld

_SORTABLE = "234567abcdefghijklmnopqrstuvwxyz"  # base32-sortable: text order is number order
_PAIRS = ["".join(digits) for digits in product(_SORTABLE, repeat=2)]
_TRIPLES = ["".join(digits) for digits in product(_SORTABLE, repeat=3)]

CLOCKS = tuple(_PAIRS)  # 10-bit clock ids: the last two characters of a TID


def tid(time_us: int, clock: str) -> str:
    """The 13 characters of a TID: 53 bits of microseconds since 1970, then one of CLOCKS."""
    return _high_digits(time_us >> 30) + _TRIPLES[time_us >> 15 & 0x7FFF] + _TRIPLES[time_us & 0x7FFF] + clock


@lru_cache(maxsize=64)  # the high digits change every 18 minutes
def _high_digits(high: int) -> str:
    return _PAIRS[high >> 15] + _TRIPLES[high & 0x7FFF]


def iso_ms(time_us: int) -> str:
    """`2026-07-04T14:38:08.999Z`, as most clients write it. By way of a datetime it would cost 5 us, so it costs 1."""
    return f"{iso_second(time_us // 1_000_000)}.{time_us // 1000 % 1000:03d}Z"


@lru_cache(maxsize=256)
def iso_second(seconds: int) -> str:
    """`2026-07-04T14:38:08` of a time in seconds since 1970, UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def digest(*parts: object) -> bytes:
    """32 bytes that depend on `parts` alone, for what must not depend on the order of events."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).digest()


def base32(data: bytes) -> str:
    return base64.b32encode(data).decode().lower().rstrip("=")


def blob_link(number: int) -> dict[str, str]:
    """A link to bytes that do not exist: CIDv1, raw, SHA-256."""
    return {"$link": libipld.encode_cid(b"\x01\x55\x12\x20" + digest("blob", number))}
