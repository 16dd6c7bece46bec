"""Websocket frames, packed many at a time: a `send()` for each would cost ten times as much."""

from collections.abc import Iterable
from functools import lru_cache

_FINAL, _TEXT, _BINARY = 0x80, 0x1, 0x2


def pack(messages: Iterable[tuple[bytes, bool]]) -> bytes:
    """Whole, unmasked frames, as a server sends them. Each message is a payload, and whether it is text."""
    parts = [part for payload, text in messages for part in (_header(len(payload), text), payload)]
    return b"".join(parts)


def pack_texts(payloads: Iterable[bytes]) -> bytes:
    return b"".join([part for payload in payloads for part in (_header(len(payload), True), payload)])


@lru_cache(maxsize=4096)
def _header(length: int, text: bool) -> bytes:
    """RFC 6455, section 5.2."""
    first = _FINAL | (_TEXT if text else _BINARY)
    if length < 126:
        return bytes((first, length))
    if length < 2**16:
        return bytes((first, 126)) + length.to_bytes(2)
    return bytes((first, 127)) + length.to_bytes(8)
