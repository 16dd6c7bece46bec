"""What a handle and a DID look like, by the rules of the AT Protocol. Pure."""

import re

NO_HANDLE = "handle.invalid"  # said of an account whose handle does not lead back to it
MAX_HANDLE = 253
MAX_DID = 256  # the protocol allows 2,048; none so long exists, and 25 of them must fit into one URL

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_handle = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?", re.ASCII)
_did = re.compile(r"did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]", re.ASCII)


def normalize_handle(text: object) -> str | None:
    """The handle that someone means, without @ and in lower case; None when it can't be one."""
    if not isinstance(text, str) or not text.isascii():  # lower() makes ASCII of the Kelvin sign
        return None
    handle = text.strip().removeprefix("@").lower()
    if len(handle) > MAX_HANDLE or handle == NO_HANDLE or not _handle.fullmatch(handle):
        return None
    return handle


def is_did(text: str) -> bool:
    return len(text) <= MAX_DID and _did.fullmatch(text) is not None
