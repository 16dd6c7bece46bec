"""The protocol's own lists of valid and invalid identifiers where they are at hand, and some of each everywhere."""

import re
from pathlib import Path

import pytest

from ingest.handles.store import LONGEST_DID
from ingest.identifiers import DID, HANDLE, MAX_HANDLE, RECORD_KEY, SUBJECT_URI, is_did, is_nsid, normalize_handle

INTEROP = Path(__file__).parents[2].parent / "shared" / "interop"
FEW = {
    "did_syntax_valid": ["did:method:val", "did:method:-:_:.:%ab", "did:plc:7iza6de2dwap2sbkpav7c6c6", "did:m:v"],
    "did_syntax_invalid": ["did", "did:method:", "did:m123:val", "DID:method:val", "did:method:val:",
                           "did:a:" + "v" * 2043],
    "handle_syntax_valid": ["A.ISI.EDU", "4chan.o-g", "xn--bcher-kva.tld", "jo.hn", "short." + "o" * 63 + ".test"],
    "handle_syntax_invalid": ["john", "john.0", "-john.test", "jo_hn.test", "john..test", "bücher.test",
                              "a." * 126 + "bc"],
    "nsid_syntax_valid": ["com.example.fooBar", "a-0.b-1.c", "cn.8.lex.stuff", "com." + "o" * 63 + ".foo"],
    "nsid_syntax_invalid": ["com.example", "com.example.foo.*", "a-0.b-1.c-3", "com.example-.foo",
                            "com.example.fooBar.2"],
    "recordkey_syntax_valid": ["self", "~1.2-3_", "pre:fix", "...", "o" * 512],
    "recordkey_syntax_invalid": [".", "..", "any space", "alpha/beta", "dHJ1ZQ==", "o" * 513],
}  # fmt: skip


def is_handle(text):
    return normalize_handle(text) is not None and re.fullmatch(HANDLE, text) is not None


def is_record_key(text):
    return re.fullmatch(RECORD_KEY, text) is not None


CHECKS = {"did": is_did, "handle": is_handle, "nsid": is_nsid, "recordkey": is_record_key}


def lists():
    for name, few in FEW.items():
        path = INTEROP / f"{name}.txt"
        lines = path.read_text().split("\n") if path.exists() else []
        check, _, verdict = name.split("_")
        for text in [*few, *(line for line in lines if line and not line.startswith("# "))]:
            yield pytest.param(CHECKS[check], text, verdict == "valid", id=f"{name} {text[:40]!r} {len(text)}")


@pytest.mark.parametrize(("check", "text", "valid"), [*lists()])
def test_the_syntax_is_the_protocol_s(check, text, valid):
    assert check(text) is valid


def test_a_pattern_accepts_what_its_function_does_but_for_the_length():
    for name in ("did", "handle"):
        for text in FEW[f"{name}_syntax_valid"]:
            assert re.fullmatch({"did": DID, "handle": HANDLE}[name], text)
    assert re.fullmatch(HANDLE, "a." * 127 + "bc")
    assert not is_handle("a." * 127 + "bc")
    assert MAX_HANDLE == 253


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("at://did:plc:abc/app.bsky.feed.post/3abc", True),
        ("at://did:plc:abc/b/c", True),
        ("at://did:plc:abc/app.bsky.feed.post", False),
        ("at://alice.example/app.bsky.feed.post/3abc", True),
        ("at://alice/app.bsky.feed.post/3abc", False),
        ("at://did:plc:abc:/app.bsky.feed.post/3abc", False),
        ("at://did:plc:abc/app.bsky.feed.post/3 abc", False),
    ],
)
def test_a_subject_names_a_record_of_an_account(text, valid):
    assert (re.fullmatch(SUBJECT_URI, text) is not None) == valid


@pytest.mark.parametrize(
    ("text", "handle"),
    [
        ("Alice.Example", "alice.example"),
        (" @alice.example ", "alice.example"),
        ("handle.invalid", None),
        ("\u212aelvin.example", None),  # the Kelvin sign is a k in lower case
        ("al\u0131ce.example", None),
        ("", None),
        (5, None),
    ],
)
def test_the_normal_form_of_a_handle(text, handle):
    assert normalize_handle(text) == handle


def test_a_handle_is_only_asked_for_of_a_did_that_leaves_room_in_the_url_for_others():
    assert is_did("did:plc:" + "a" * 248, LONGEST_DID)
    assert not is_did("did:plc:" + "a" * 249, LONGEST_DID)
