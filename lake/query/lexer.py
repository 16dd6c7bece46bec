"""The text of a search as tokens. docs/search-syntax.md describes the syntax for readers. Pure."""

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple
from unicodedata import category

from lake.labelfilter.wanted import quoted
from lake.query.filter_values import LABEL, LINK, QueryError, ValueKind, is_hashtag
from lake.query.filters import FILTERS, synonyms

_SYNTAX = r'\s()（）"＂“”„'
_WORD = re.compile(rf"[^{_SYNTAX}]+")
_ITEM = re.compile(rf"[^{_SYNTAX},]+")
_LINK = re.compile(rf"(?:[^{_SYNTAX}]|\([^{_SYNTAX}]*\))+")  # parentheses inside a link belong to it
# In straight quotes a doubled quote is part of the text: "the ""lake"" house".
_PHRASE = re.compile(r'"((?:[^"]|"")*+)"|＂((?:[^＂]|＂＂)*+)＂|[“”„]([^“”]*)[“”]')
# A label's name, model and value may each be in quotes: label:"very toxic"@m>=0.7
_LABELLED = re.compile(rf"(?:{_PHRASE.pattern}|[^{_SYNTAX},])+")
_COMPARED = ("@", "<", ">", "=")  # what follows a quoted name
_OPERATORS = {name: kind for kind, spec in FILTERS.items() for name in (spec.operator, *synonyms(spec.operator))}
_OPERATOR = re.compile(rf"({'|'.join([*_OPERATORS, 'exact'])})[:：]", re.IGNORECASE)
_STAR = re.compile(r"[*＊]")
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_IN_QUOTES = "; to search for these characters put them in quotes"


class TokenKind(Enum):
    TERM = auto()
    WHOLE = auto()
    FILTER = auto()
    NOT = auto()
    AND = auto()
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
}
_WORDS = {"AND": TokenKind.AND, "OR": TokenKind.OR, "NOT": TokenKind.NOT}


class Token(NamedTuple):
    """`at`: 1-based position in the text; `end`: of the next token. `text`: as in the query; of a filter, its kind.
    `values`: of a filter, or the parts of a term."""

    kind: TokenKind
    at: int
    end: int
    text: str
    values: tuple[str, ...] = ()


def reject_invalid_text(text: str) -> None:
    """Raises QueryError: DuckDB takes no surrogates, and NUL in a search is a client's bug."""
    if wrong := _NO_TEXT.search(text):
        name = "NUL" if wrong[0] == "\0" else "half of a surrogate pair"
        raise QueryError(f"has {name} at character {wrong.start() + 1}, which can't be searched for")


def tokenize(text: str) -> Iterator[Token]:
    """Raises QueryError."""
    start = 0
    while start < len(text):
        if text[start].isspace():
            start += 1
            continue
        token = _token(text, start)
        yield token
        start = token.end - 1


def _token(text: str, start: int) -> Token:
    if mark := _MARKS.get(text[start]):
        return Token(mark, start + 1, start + 2, text[start])
    if text[start] in '"＂“”„':
        phrase, end = _phrase(text, start)
        return Token(TokenKind.TERM, start + 1, end + 1, phrase, _parts(phrase, start))
    if text[start] in "#＃" and (token := _hashtags(text, start)):
        return token
    if (match := _OPERATOR.match(text, start)) and (token := _operator(text, start, match)):
        return token
    word = _at(_WORD, text, start)
    end = start + len(word) + 1
    if kind := _WORDS.get(word):
        return Token(kind, start + 1, end, word)
    return Token(TokenKind.TERM, start + 1, end, word, _parts(word, start))


def _at(pattern: re.Pattern[str], text: str, start: int) -> str:
    match = pattern.match(text, start)
    return match[0] if match else ""


def _parts(text: str, start: int) -> tuple[str, ...]:
    parts = tuple(part for part in _STAR.split(text) if part)
    if not parts:
        raise QueryError(f"has nothing but * at character {start + 1}: a term needs some text beside it")
    return parts


def _phrase(text: str, start: int) -> tuple[str, int]:
    """The text in the quotes that open here, and the position after them."""
    match = _PHRASE.match(text, start)
    if match is None:
        raise QueryError(f"has an unclosed quote at character {start + 1}")
    straight, wide, curly = match.groups()
    phrase = straight.replace('""', '"') if straight else wide.replace("＂＂", "＂") if wide else curly
    if not phrase:
        raise QueryError(f"has empty quotes at character {start + 1}")
    return phrase, match.end()


def _hashtags(text: str, start: int) -> Token | None:
    """#tag, or #one,#two for any of them. As in posts, a tag has no trailing punctuation and is more than digits and
    punctuation: #1 is text."""
    word = _at(_WORD, text, start)
    tags = [tag[1:] if tag[:1] in ("#", "＃") else tag for tag in _without_trailing_punctuation(word).split(",")]
    if not all(map(is_hashtag, tags)):
        return None
    return Token(TokenKind.FILTER, start + 1, start + len(word) + 1, "tag", tuple(dict.fromkeys(tags)))


def _without_trailing_punctuation(word: str) -> str:
    """Symbols such as + and emoji may end a tag."""
    while word and category(word[-1])[0] == "P" and word[-1] != "_":
        word = word[:-1]
    return word


def _operator(text: str, start: int, match: re.Match[str]) -> Token | None:
    """`name:value`, or `name:one,two` for any of them; values may be quoted. None: it is text, see FilterSpec."""
    name = match[1].lower()
    if name == "exact":
        value, end = _value(_WORD, text, match.end())
        if not value.strip():
            raise QueryError(f"says {name}: at character {start + 1}, which takes a phrase{_IN_QUOTES}")
        return Token(TokenKind.WHOLE, start + 1, end + 1, value, (value.strip(),))
    kind, values, end = _OPERATORS[name], [], match.end() - 1
    while end == match.end() - 1 or text[end : end + 1] == ",":
        value, end = _filter_value(FILTERS[kind].value, text, end + 1)
        try:
            values.append(FILTERS[kind].value.parse(value))
        except QueryError as error:
            if FILTERS[kind].may_be_text:
                return None
            raise QueryError(f"says {name}: at character {start + 1}, which {error}{_IN_QUOTES}") from error
    return Token(TokenKind.FILTER, start + 1, end + 1, kind, tuple(dict.fromkeys(values)))


def _filter_value(kind: ValueKind, text: str, start: int) -> tuple[str, int]:
    """As _value(). Of a label that is not in quotes as a whole: with its quotes, as straight ones."""
    in_quotes = text[start : start + 1] and text[start] in '"＂“”„'
    if kind is not LABEL or (in_quotes and text[_phrase(text, start)[1] :][:1] not in _COMPARED):
        return _value(_LINK if kind is LINK else _ITEM, text, start)
    value = _at(_LABELLED, text, start)
    return _PHRASE.sub(lambda match: quoted(_phrase(match[0], 0)[0]), value), start + len(value)


def _value(pattern: re.Pattern[str], text: str, start: int) -> tuple[str, int]:
    """The value that begins here, possibly empty, and the position after it."""
    if text[start : start + 1] and text[start] in '"＂“”„':
        return _phrase(text, start)
    value = _at(pattern, text, start)
    return value, start + len(value)
