"""Notes on a request: sentences that say what was probably meant otherwise, and the right form. Pure.

Nothing is changed by them: a search does what it says.
"""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from itertools import chain, islice

from lake.query.filters import FILTERS, synonyms
from lake.query.lexer import Token, TokenKind, tokenize
from lake.query.tree import And, Filter, Node, Not, Or

MAX_NOTES = 50
SHOWN = 100  # characters of a word that a note repeats
_ALIKE = 0.75  # of difflib: form: is like from:

_LEAVES = (TokenKind.TERM, TokenKind.WHOLE, TokenKind.FILTER)
_LOWER_CASE = {
    "or": "to find either side of it write OR",
    "and": "leave it out, since all words must match anyway, or write AND",
    "not": "to exclude what follows write NOT",
}
_DASHES = "‐‑‒–—―−"
_QUOTES = "‘‚‛`´‹›«»"
_COMMAS = ",;，、；"
_NAMED = re.compile(r"([A-Za-z][A-Za-z0-9_-]+)[:：](?!:)(.*)", re.DOTALL)
_MAY_BE_TEXT = {spec.operator: spec.value.takes for spec in FILTERS.values() if spec.may_be_text}
_OPERATORS = [name for spec in FILTERS.values() for name in (spec.operator, *synonyms(spec.operator))]
# Operators of other services, and what comes nearest.
_ELSEWHERE = {
    "after": "since:", "at": "subject:at:", "author": "from:", "before": "until:", "by": "from:", "did": "from:did:",
    "filter": "has:", "link": "url:", "links": "url:", "media": "has:", "parent": "subject:", "quote": "is:quote",
    "quoted": "quotes:", "reply": "is:reply", "site": "domain:", "thread": "root:", "to": "mentions:", "user": "from:",
}  # fmt: skip
# With those that it has withdrawn.
_ISO_639_1 = (
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en "
    "eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik in io is it iu iw "
    "ja ji jv jw ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mo mr ms mt "
    "my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm "
    "sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh "
    "zu"
)
_CODES = frozenset(_ISO_639_1.split())
_LANGUAGES = {
    "arabic": "ar", "chinese": "zh", "cn": "zh", "cz": "cs", "czech": "cs", "danish": "da", "deu": "de",
    "deutsch": "de", "dk": "da", "dutch": "nl", "eng": "en", "english": "en", "fra": "fr", "french": "fr",
    "german": "de", "gr": "el", "greek": "el", "hindi": "hi", "indonesian": "id", "ita": "it", "italian": "it",
    "japanese": "ja", "jp": "ja", "jpn": "ja", "kor": "ko", "korean": "ko", "nederlands": "nl", "polish": "pl",
    "por": "pt", "portuguese": "pt", "russian": "ru", "spa": "es", "spanish": "es", "swedish": "sv", "thai": "th",
    "turkish": "tr", "ua": "uk", "ukrainian": "uk", "vietnamese": "vi", "zho": "zh",
}  # fmt: skip


def notes(text: str, nodes: Iterable[Node]) -> list[str]:
    """`text`: of a query that was understood; empty when its syntax does not count. `nodes`: all of the request."""
    languages = (value for node in nodes for value in _languages(node))
    every = dict.fromkeys(chain(_of_text(text), filter(None, map(_on_language, languages))))
    return list(islice(every, MAX_NOTES))


def _of_text(text: str) -> Iterator[str]:
    tokens = list(tokenize(text))
    for at, token in enumerate(tokens):
        word = text[token.at - 1 : token.end - 1]
        if token.kind is not TokenKind.TERM or word != token.text:  # the text of a phrase is without its quotes
            continue
        before = at > 0 and tokens[at - 1].kind in (*_LEAVES, TokenKind.CLOSE)
        after = at + 1 < len(tokens) and tokens[at + 1].kind in (*_LEAVES, TokenKind.OPEN, TokenKind.NOT)
        touching = (
            word + text[token.end - 1 : tokens[at + 1].end - 1] if after and tokens[at + 1].at == token.end else word
        )
        if (
            slip := _lower_case(word, before, after)
            or _unknown_operator(touching, after)
            or _odd_sign(word, text, token)
        ):
            yield f'"{_short(word)}" at character {token.at} of text {slip}.'


def _lower_case(word: str, before: bool, after: bool) -> str:
    name = word.lower()
    if name not in _LOWER_CASE or not after or (name != "not" and not before):
        return ""
    return f"is searched for as a word: {_LOWER_CASE[name]}"


def _unknown_operator(word: str, followed: bool) -> str:
    """Of a word like name:value. https://... and 12:30 are none."""
    match = _NAMED.fullmatch(word)
    if match is None or (match[2].startswith("//") and match[1].lower() != "at"):
        return ""
    name, value = match[1].lower(), match[2]
    if name in _MAY_BE_TEXT:
        return f"is searched for as text: {name}: takes {_MAY_BE_TEXT[name]}"
    nearest = _ELSEWHERE.get(name) if value or followed else None
    if nearest is None and value:
        nearest = next((f"{close}:" for close in get_close_matches(name, _OPERATORS, 1, _ALIKE)), "")
    if nearest is None:
        return ""
    if not nearest:
        return f"is searched for as text: {name}: is no operator"
    written = nearest + _short(value) if nearest.endswith(":") else nearest
    return f"is searched for as text: {written} is the nearest to {name}:, which is no operator"


def _odd_sign(word: str, text: str, token: Token) -> str:
    """Of a sign that is text, and looks like syntax."""
    quoted = word[0] == "'" and re.search(r"\w'(?:\W|$)", text[token.at :])
    if word[0] in _QUOTES or quoted:
        return f'is searched for with {word[0]}, which is text: put a phrase in double quotes, "like this"'
    if word[0] in _DASHES:
        return (
            f"is searched for with {word[0]}, which is text: leave it out, or write - directly before what to exclude"
        )
    if word[-1] in _COMMAS:
        return f"is searched for with {word[-1]}, which is text: leave it out"
    return ""


def _languages(node: Node) -> Iterator[str]:
    match node:
        case Filter("lang", values):
            yield from values
        case Not(one):
            yield from _languages(one)
        case And(nodes) | Or(nodes):
            for one in nodes:
                yield from _languages(one)


def _on_language(value: str) -> str:
    """Of what is no language code. Codes of one and of three letters are too many to know."""
    first = value.lower().partition("-")[0]
    code = _LANGUAGES.get(first, "")
    if not code and (first in _CODES or len(first) in (1, 3)):
        return ""
    return f'"{_short(value)}" is not the code of a language in posts: write {code or "one like en or pt-BR"}.'


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
