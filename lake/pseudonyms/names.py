"""The pseudonyms of one project: HMAC-SHA256 with its secret. Without it nobody can compute or reverse them."""

import hmac
import json
import re
from base64 import b32encode
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ingest.identifiers import is_did, is_nsid
from lake.pseudonyms import identifiers
from lake.pseudonyms.identifiers import HANDLE, NAMED, plain

MARK = "anon:"
CODE_BYTES, CODE_LENGTH = 16, 26  # of a digest, and as characters of 5 bits
FEW = 16  # codes that are not worth numpy's overhead
MOST_HANDLES = 200_000  # that are kept, with their DIDs
_ALPHABET = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", np.uint8)
_POWERS = np.array([16, 8, 4, 2, 1], np.uint8)

FindDids = Callable[[Collection[str]], Mapping[str, str]]  # of handles, in their normal form: those that are known
Values = Sequence[str | None]


class Pseudonyms:
    """`find`: raises when it can't tell which handles are known, so that none is let through."""

    def __init__(self, secret: bytes, find: FindDids) -> None:
        self._secret, self._find = secret, find
        self._dids: dict[str, str | None] = {}  # by possible handles

    def codes(self, texts: Iterable[str]) -> list[str]:
        """26 characters for each."""
        key = self._secret
        digests = [hmac.digest(key, text.encode(errors="surrogatepass"), "sha256")[:CODE_BYTES] for text in texts]
        if len(digests) < FEW:
            return [b32encode(digest)[:CODE_LENGTH].decode().lower() for digest in digests]
        bits = np.unpackbits(np.frombuffer(b"".join(digests), np.uint8).reshape(-1, CODE_BYTES), axis=1)
        fives = np.pad(bits, ((0, 0), (0, 2))).reshape(len(digests), CODE_LENGTH, 5) @ _POWERS
        return [code.decode() for code in _ALPHABET[fives].view(f"S{CODE_LENGTH}").ravel().tolist()]

    def accounts(self, names: Sequence[str]) -> list[str]:
        """Of DIDs, and of handles: the same as of their DID, where that is known."""
        return [MARK + code for code in self.codes(map(self._account, names))]

    def uris(self, uris: Sequence[str]) -> list[str]:
        """Of AT-URIs, of DIDs, and of whatever stands where one of them should."""
        split = [f"{uri.removeprefix('at://')}//".split("/", 2) for uri in uris]
        owners = {name: self._account(name) for name in dict.fromkeys(name for name, *_ in split)}
        accounts = dict(zip(owners, self.accounts(list(owners.values())), strict=True))
        collections = {name: self._collection(name) for name in dict.fromkeys(name for _, name, _ in split)}
        parts = [(owner, collection, key.rstrip("/")) for owner, collection, key in split]
        keys = iter(self.codes(f"at://{owners[owner]}/{collection}/{key}" for owner, collection, key in parts if key))
        return [
            f"{accounts[owner]}{collections[collection]}{f'/{next(keys)}' if key else ''}"
            for owner, collection, key in parts
        ]

    def references(self, references: Values) -> list[str | None]:
        """Of JSON that refers to a version of a record: without its CID."""
        uris = [text and _referred(text) for text in references]
        new = iter(self.uris([uri for uri in uris if uri]))
        return [
            json.dumps({"uri": next(new)}, separators=(",", ":")) if uri else self.documents([text])[0]
            for text, uri in zip(references, uris, strict=True)
        ]

    def texts(self, texts: Values) -> list[str | None]:
        """With pseudonyms for all identifiers in them."""
        self._learn([text for text in texts if text])
        return [text and self._text(text) for text in texts]

    def documents(self, documents: Values) -> list[str | None]:
        """The same of JSON."""
        self._learn([text for text in documents if text])
        return [text and self._document(text) for text in documents]

    def _text(self, text: str) -> str:
        return HANDLE.sub(self._domain, NAMED.sub(self._named, text))

    def _document(self, text: str) -> str:
        if "\\" not in text:  # so that every string stands there as it is
            return self._text(text)
        return json.dumps(self._walked(json.loads(text)), ensure_ascii=True, separators=(",", ":"))

    def _walked(self, value: Any) -> Any:
        match value:
            case str():
                return self.texts([value])[0]
            case list():
                return [self._walked(one) for one in value]
            case dict():
                return {self._walked(name): self._walked(one) for name, one in value.items()}
        return value

    def _learn(self, texts: Iterable[str]) -> None:
        """Which of the possible handles are known."""
        asked = dict.fromkeys(domain for text in texts for domain in identifiers.domains(text))
        self._look_up({handle for domain in asked for handle in identifiers.possible_handles(domain)})

    def _look_up(self, handles: Collection[str]) -> None:
        if len(self._dids) > MOST_HANDLES:
            self._dids.clear()
        if unknown := [handle for handle in handles if handle not in self._dids]:
            self._dids |= dict.fromkeys(unknown) | dict(self._find(unknown))

    def _account(self, name: str) -> str:
        """What the pseudonym is made of: the DID, or the handle of which none is known."""
        if is_did(name) or "." not in name:
            return name
        handle = name.lower()
        if handle not in self._dids:
            self._look_up([handle])
        return self._dids[handle] or handle

    def _collection(self, name: str) -> str:
        """As a part of a path."""
        return "" if not name else f"/{name if is_nsid(name) else self.codes([name])[0]}"

    def _named(self, match: re.Match[str]) -> str:
        whole = match[0]
        if match["uri"]:
            return self.uris([plain(whole)])[0] + whole[len(whole.rstrip(".:!?")) :]
        if match["did"]:
            return self.accounts([_did(whole)])[0] + whole[len(whole.rstrip(".:")) :]
        if match["cid"]:
            return MARK + self.codes([whole])[0]
        return self._link(match)

    def _link(self, match: re.Match[str]) -> str:
        """To a profile, and what it links to below that."""
        if "." not in match["actor"] and ":" not in plain(match["actor"]):  # of another service
            return match[0]
        owner, kind, key = self._account(_did(match["actor"])), match["kind"], match["key"]
        name = f"profile/{self.accounts([owner])[0]}"
        if not kind:
            return name
        collection = identifiers.COLLECTIONS.get(kind.lower(), kind)
        return f"{name}/{kind}/{self.codes([f'at://{owner}/{collection}/{key}'])[0]}"

    def _domain(self, match: re.Match[str]) -> str:
        """A handle, if it is one: any domain may be."""
        domain = match["domain"].lower()
        if domain in identifiers.SERVICES and not match["at"]:
            return match[0]
        known = next((name for name in identifiers.possible_handles(domain) if self._dids.get(name)), None)
        if known or match["at"] or identifiers.is_hosted(domain):
            return (match["at"] or "") + self.accounts([known or domain])[0]
        return match[0]


def _referred(text: str) -> str | None:
    """The URI of a reference; None for other JSON."""
    value = json.loads(text)
    uri = value.get("uri") if isinstance(value, dict) and value.keys() <= {"uri", "cid"} else None
    return uri if isinstance(uri, str) else None


def _did(text: str) -> str:
    """In its usual form: those of plc have lower-case letters only."""
    did = plain(text)
    return did.lower() if did[:8].lower() == "did:plc:" else did
