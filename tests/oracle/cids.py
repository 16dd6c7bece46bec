"""The CID of a record: version 1, DAG-CBOR, SHA-256, base 32. Source: the data model of the AT Protocol."""

import struct
from base64 import b32decode, b32encode, b64decode
from hashlib import sha256

_PREFIX = bytes([1, 0x71, 0x12, 32])  # version, codec, hash function, length of the hash
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _LIST, _MAP, _TAG = range(7)
_LINK = 42  # the tag


def record_cid(record):
    """`record`: as parsed from JSON."""
    return "b" + b32encode(_PREFIX + sha256(encoded(record)).digest()).decode().lower().rstrip("=")


def encoded(value):
    """As DAG-CBOR: one form for each value."""
    match value:
        case None | bool():
            return {None: b"\xf6", True: b"\xf5", False: b"\xf4"}[value]
        case int():
            return _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value)
        case float():
            return b"\xfb" + struct.pack(">d", value)
        case str():
            return _string(_TEXT, value.encode())
        case list():
            return _head(_LIST, len(value)) + b"".join(map(encoded, value))
        case dict():
            return _object(value)
    raise TypeError(value)


def _object(value):
    match value:
        case {"$link": str(cid)} if len(value) == 1:
            return _head(_TAG, _LINK) + _string(_BYTES, b"\0" + b32decode(_padded(cid[1:].upper(), 8)))
        case {"$bytes": str(data)} if len(value) == 1:
            return _string(_BYTES, b64decode(_padded(data.rstrip("="), 4)))
    keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
    return _head(_MAP, len(keys)) + b"".join(_string(_TEXT, key.encode()) + encoded(value[key]) for key in keys)


def _head(kind, number):
    if number < 24:
        return bytes([kind << 5 | number])
    for code, size in enumerate((1, 2, 4, 8), 24):
        if number < 1 << 8 * size:
            return bytes([kind << 5 | code]) + number.to_bytes(size, "big")
    raise ValueError(number)


def _string(kind, data):
    return _head(kind, len(data)) + data


def _padded(text, block):
    return text + "=" * (-len(text) % block)
