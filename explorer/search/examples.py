"""What the help panel shows: queries to click, and what they find."""

from typing import NamedTuple
from urllib.parse import urlencode


class Example(NamedTuple):
    text: str
    finds: str

    @property
    def href(self) -> str:
        return f"/?{urlencode({'text': self.text})}"


EXAMPLES = (
    Example("lake house", "both words, anywhere, in any order"),
    Example('"good morning"', "a phrase, character by character"),
    Example("lake OR river", "either of them; OR in upper case"),
    Example("lake -house", "the first word and not the second"),
    Example("(lake OR river) -fish*", "groups, and * for any characters"),
    Example("#art", "the hashtag"),
    Example("地震 lang:ja has:image", "Japanese posts with an image"),
    Example("is:original lang:pt", "Portuguese, neither reply nor quote"),
    Example("has:video -is:reply", "posts with a video that are no replies"),
    Example("domain:example.com", "with a link to that site"),
)
OPERATORS = (
    ("from:alice.bsky.social", "posts of this account (handle or DID)"),
    ("mentions:alice.bsky.social", "posts that mention it"),
    ("since:2026-07-01 until:2026-07-02", "dates, or times such as 2026-07-01T12:00"),
    ("label:toxic>=0.7 label:lang=ja", "labels of classifiers: a score, a value"),
    ("self:porn", "labelled so by its author"),
    ("subject:https://bsky.app/…", "replies to a post, and quotes of it"),
)
