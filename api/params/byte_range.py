"""The headers of a request that goes on with a download. Pure. (RFC 9110, sections 13.1.5 and 14.2)"""

import re

_TO_THE_END = re.compile(r"bytes=([0-9]{1,18})-")
_STRONG = re.compile(r'"([!-~]+)"')


def first_byte(header: str) -> int:
    """Of a Range to the end of the body. 0 for all other ranges: they are answered with the whole, as they may be."""
    match = _TO_THE_END.fullmatch(header.strip())
    return int(match[1]) if match else 0


def named(header: str) -> str:
    """The entity tag of an If-Range; empty when it is a date or a weak tag, which names no body here."""
    match = _STRONG.fullmatch(header.strip())
    return match[1] if match else ""
