"""The syntax of the AT Protocol's identifiers: one pattern for each, as the specification gives it. Pure."""

import re

DID = r"did:[a-z]+:[a-zA-Z0-9._:%-]{0,2041}[a-zA-Z0-9._-]"
HANDLE = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
NSID = (
    r"[a-zA-Z](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    r"(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)+\.[a-zA-Z][a-zA-Z0-9]{0,62}"
)
RECORD_KEY = r"(?!\.\.?$)[a-zA-Z0-9._:~-]{1,512}"
AUTHORITY = rf"(?:{DID}|{HANDLE})"  # the account of a URI
# A subject is what some client wrote: servers do not check what follows the account.
SUBJECT_URI = rf"at://{AUTHORITY}/[a-zA-Z0-9.-]+/[^/\s\x00-\x1f]+"
MAX_DID, MAX_HANDLE, MAX_NSID = 2048, 253, 317  # characters of the whole, which the patterns do not bound exactly

NO_HANDLE = "handle.invalid"  # the AppView shows it for an account whose handle does not resolve back to it

_did, _handle, _nsid = (re.compile(pattern) for pattern in (DID, HANDLE, NSID))


def is_did(text: str, longest: int = MAX_DID) -> bool:
    return len(text) <= longest and _did.fullmatch(text) is not None


def is_nsid(text: str) -> bool:
    return len(text) <= MAX_NSID and _nsid.fullmatch(text) is not None


def normalize_handle(text: object) -> str | None:
    """The handle in lower case and without a leading @; None for anything that is not a handle, and for NO_HANDLE."""
    if not isinstance(text, str) or not text.isascii():  # lower() makes ASCII of the Kelvin sign
        return None
    handle = text.strip().removeprefix("@").lower()
    if len(handle) > MAX_HANDLE or handle == NO_HANDLE or not _handle.fullmatch(handle):
        return None
    return handle
