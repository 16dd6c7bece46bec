"""The text of a search, cut into signs. docs/search-syntax.md is what readers are told of it. Pure."""

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple
from unicodedata import category

from lake.query.filters import FILTERS, QueryError, parse_value

_SYNTAX = r'\s()（）"＂“”„'
_WORD = re.compile(rf"[^{_SYNTAX}]+")
_ITEM = re.compile(rf"[^{_SYNTAX},]+")
_LINK = re.compile(rf"(?:[^{_SYNTAX}]|\([^{_SYNTAX}]*\))+")  # what a link has in parentheses belongs to it
# In straight quotes the closing one, doubled, is a quote of the text itself: "the ""lake"" house".
_PHRASE = re.compile(r'"((?:[^"]|"")*+)"|＂((?:[^＂]|＂＂)*+)＂|[“”„]([^“”]*)[“”]')
_OPERATORS = {kind.operator: name for name, kind in FILTERS.items()}
_OPERATOR = re.compile(rf"({'|'.join([*_OPERATORS, 'exact'])})[:：]", re.IGNORECASE)
_STAR = re.compile(r"[*＊]")
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_IN_QUOTES = "; to search for these characters put them in quotes"


class TokenKind(Enum):
    TERM = auto()
    WHOLE = auto()
    FILTER = auto()
    NOT = auto()
    OR = auto()
    OPEN = auto()
    CLOSE = auto()


_MARKS = {
    "(": TokenKind.OPEN,
    "（": TokenKind.OPEN,
    ")": TokenKind.CLOSE,
    "）": TokenKind.CLOSE,
    "-": TokenKind.NOT,
    "－": TokenKind.NOT,
    "−": TokenKind.NOT,
}


class Token(NamedTuple):
    """`at`: 1-based, of the text as given; `end`: where the next may begin. `text`: as written, of a filter its kind.
    `values`: of a filter, or the parts of a term."""

    kind: TokenKind
    at: int
    end: int
    text: str
    values: tuple[str, ...] = ()


def reject_invalid_text(text: str) -> None:
    """Raises QueryError: DuckDB takes no surrogates, and NUL in a search is a mistake of a program."""
    if wrong := _NO_TEXT.search(text):
        name = "NUL" if wrong[0] == "\0" else "half of a surrogate pair"
        raise QueryError(f"has {name} at character {wrong.start() + 1}, which can't be searched for")


def tokenize(text: str) -> Iterator[Token]:
    """Raises QueryError."""
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        sign = _token(text, place)
        yield sign
        place = sign.end - 1


def _token(text: str, place: int) -> Token:
    if mark := _MARKS.get(text[place]):
        return Token(mark, place + 1, place + 2, text[place])
    if text[place] in '"＂“”„':
        phrase, end = _phrase(text, place)
        return Token(TokenKind.TERM, place + 1, end + 1, phrase, _parts(phrase, place))
    if text[place] in "#＃" and (sign := _hashtags(text, place)):
        return sign
    if found := _OPERATOR.match(text, place):
        return _operator(text, place, found)
    word = _at(_WORD, text, place)
    end = place + len(word) + 1
    if word == "OR":
        return Token(TokenKind.OR, place + 1, end, word)
    return Token(TokenKind.TERM, place + 1, end, word, _parts(word, place))


def _at(pattern: re.Pattern[str], text: str, place: int) -> str:
    found = pattern.match(text, place)
    return found[0] if found else ""


def _parts(text: str, place: int) -> tuple[str, ...]:
    parts = tuple(part for part in _STAR.split(text) if part)
    if not parts:
        raise QueryError(f"has nothing but * at character {place + 1}: a term needs some text beside it")
    return parts


def _phrase(text: str, place: int) -> tuple[str, int]:
    """What stands in the quotes that open here, and the place after them."""
    found = _PHRASE.match(text, place)
    if found is None:
        raise QueryError(f"has an unclosed quote at character {place + 1}")
    straight, wide, curly = found.groups()
    phrase = straight.replace('""', '"') if straight else wide.replace("＂＂", "＂") if wide else curly
    if not phrase:
        raise QueryError(f"has empty quotes at character {place + 1}")
    return phrase, found.end()


def _hashtags(text: str, place: int) -> Token | None:
    """#tag, or #one,#two for any of them. As in posts, what punctuation ends it is none of it, and a tag is more than
    digits and punctuation: #1 is text."""
    word = _at(_WORD, text, place)
    tags = [tag[1:] if tag[:1] in ("#", "＃") else tag for tag in _without_end(word).split(",")]
    if not all(_is_tag(tag) for tag in tags):
        return None
    return Token(TokenKind.FILTER, place + 1, place + len(word) + 1, "tag", tuple(dict.fromkeys(tags)))


def _without_end(word: str) -> str:
    """Without the punctuation that ends it. Symbols such as + and emoji may end a tag."""
    while word and category(word[-1])[0] == "P" and word[-1] != "_":
        word = word[:-1]
    return word


def _is_tag(tag: str) -> bool:
    return any(character == "_" or category(character)[0] not in "PN" for character in tag)


def _operator(text: str, place: int, found: re.Match[str]) -> Token:
    """`name:value`, or `name:one,two` for any of them; values may stand in quotes."""
    name = found[1].lower()
    if name == "exact":
        value, end = _value(_WORD, text, found.end())
        if not value.strip():
            raise QueryError(f"says {name}: at character {place + 1}, which takes a phrase{_IN_QUOTES}")
        return Token(TokenKind.WHOLE, place + 1, end + 1, value, (value.strip(),))
    kind, values, end = _OPERATORS[name], [], found.end() - 1
    while end == found.end() - 1 or text[end : end + 1] == ",":
        value, end = _value(_LINK if kind == "url" else _ITEM, text, end + 1)
        try:
            values.append(parse_value(kind, value))
        except QueryError as error:
            raise QueryError(f"says {name}: at character {place + 1}, which {error}{_IN_QUOTES}") from error
    return Token(TokenKind.FILTER, place + 1, end + 1, kind, tuple(dict.fromkeys(values)))


def _value(pattern: re.Pattern[str], text: str, place: int) -> tuple[str, int]:
    """The value that begins here, empty when there is none, and the place after it."""
    if text[place : place + 1] and text[place] in '"＂“”„':
        return _phrase(text, place)
    value = _at(pattern, text, place)
    return value, place + len(value)
