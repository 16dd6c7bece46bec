"""Where identifiers are in a text: DIDs, handles, AT-URIs, links to profiles and posts, CIDs. Pure.

Generous: what only looks like one is found, too. Links may be percent-encoded.
"""

import re
from collections.abc import Iterator
from urllib.parse import unquote

_COLON, _SLASH = "(?::|%3A)", "(?:/|%2F)"
_NEXT = f"(?!did{_COLON}|at{_COLON}{_SLASH})"  # which may follow without a blank
_DID = rf"did{_COLON}[a-z0-9]+{_COLON}(?:{_NEXT}(?:[a-z0-9._:-]|%(?!2f)[0-9a-f]{{2}}))*"
_LABEL = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})+"
_ACTOR = rf"{_DID}|(?:{_NEXT}[a-z0-9.-])*{_NEXT}[a-z0-9]"
_AT = "(?:@|＠|%40)[\u200e\u200f\u2066-\u2069\u202a-\u202e]*"  # clients put marks of direction behind it
_FLAGS = re.ASCII | re.IGNORECASE
NAMED = re.compile(
    rf"(?P<uri>at{_COLON}{_SLASH}{_SLASH}[a-z0-9._:~%/#?&=+*!$-]*)"
    rf"|profile{_SLASH}(?P<actor>{_ACTOR})(?:{_SLASH}(?P<kind>[a-z]+){_SLASH}(?P<key>(?:{_NEXT}[a-z0-9._:~-])*{_NEXT}[a-z0-9_~-]))?"
    rf"|(?P<did>{_DID})"
    rf"|(?P<cid>ba(?:{_NEXT}[a-z2-7]){{50,}}|baf[yk]rei(?:{_NEXT}[a-z2-7])*|Qm[1-9A-HJ-NP-Za-km-z]{{44}})",
    _FLAGS,
)
# In what the others are not in any more.
HANDLE = re.compile(rf"(?:(?P<at>{_AT})|(?<![a-z0-9]))(?P<domain>{_DOMAIN})", _FLAGS)
# RE2, for Arrow: in a text without this is none.
SUSPICION = r"(?i)did(:|%3a)|at(:|%3a)(/|%2f)|profile|ba[a-z2-7]{50}|baf[yk]rei|qm[1-9a-z]{44}|[a-z0-9]\.[a-z0-9]"

SERVICES = ("bsky.app", "bsky.social")  # handles, too, but of no person; most links lead there
_HOSTED = ".bsky.social"  # each name below it is somebody's handle
_NAMESPACES = ("app.bsky.", "chat.bsky.", "com.atproto.")  # of collections
MOST_LABELS = 8
COLLECTIONS = {"post": "app.bsky.feed.post", "feed": "app.bsky.feed.generator", "lists": "app.bsky.graph.list"}


def plain(text: str) -> str:
    """Without percent-encoding and what ends the sentence around it."""
    return (unquote(text) if "%" in text else text).rstrip(".:!?")


def is_hosted(handle: str) -> bool:
    return handle.endswith(_HOSTED)


def possible_handles(domain: str) -> list[str]:
    """What of a domain, in lower case, may be somebody's handle, the longest first: www.alice.example and a sentence
    that begins without a blank contain one."""
    if domain in SERVICES or domain.startswith(_NAMESPACES):
        return []
    labels = domain.split(".")[:MOST_LABELS]
    parts = (
        ".".join(labels[start : start + length])
        for length in range(len(labels), 1, -1)
        for start in range(len(labels) - length + 1)
    )
    return [part for part in parts if part not in SERVICES]


def domains(text: str) -> Iterator[str]:
    """All in a text that may be handles, in lower case."""
    return (match["domain"].lower() for match in HANDLE.finditer(text))
