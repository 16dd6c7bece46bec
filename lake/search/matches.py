"""Where in a text the words, phrases and hashtags of a query are. Pure.

DuckDB decided that the post is a hit; here is only shown where. Lower-casing goes by single characters, so that a place
in the text in lower case is the same place in the text. Read by Python's Unicode, which may be a version beside
DuckDB's: a letter of neither counts as none.
"""

import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice

from lake.query.filter_values import has_signs
from lake.query.index_terms import lowercase
from lake.query.sql import NamedTerm
from lake.query.tree import And, Filter, Node, Or, Term

MOST = 100  # of one text
Places = list[tuple[int, int]]  # begin and end in code points, the end excluded
_Find = Callable[[str], Iterator[tuple[int, int]]]  # in a text in lower case, from left to right

_SIGNS = "#＃"
# As lake.query.text_sql has it: scripts without spaces between words, by the names of their characters, and those of
# their signs that are named otherwise.
_SPACELESS = ("CJK ", "HIRAGANA", "HENTAIGANA", "KATAKANA", "HALFWIDTH KATAKANA", "HANGUL", "HALFWIDTH HANGUL", "THAI ")
_SPACELESS_TOO = "々〆〇〻〱〲〳〴〵〡〢〣〤〥〦〧〨〩〸〹〺\U00016fe3\U00016ff0\U00016ff1"


def finder(node: Node) -> Callable[[str | None], Places]:
    """Finds in a text what of the query is not negated: at most MOST places, ascending, overlapping ones as one. The
    parts of a term with `*` are places of their own, without what the star stands for."""
    finds = tuple(dict.fromkeys(_wanted(node)))

    def places(text: str | None) -> Places:
        if not text or not finds:
            return []
        lowered = lowercase(text)
        every = chain.from_iterable(islice(_find(*find)(lowered), MOST) for find in finds)
        return _joined(sorted(every))[:MOST]

    return places


def term_finder(terms: Sequence[NamedTerm]) -> Callable[[str | None, Sequence[str | None]], list[str]]:
    """Finds the names of the terms and hashtags that a post with this text and these hashtags has."""
    wanted = [(name, list(_wanted(node))) for name, node in terms]

    def names(text: str | None, hashtags: Sequence[str | None]) -> list[str]:
        lowered, tags = lowercase(text or ""), {lowercase(tag) for tag in hashtags if tag}
        return [name for name, finds in wanted if any(_has(kind, texts, lowered, tags) for kind, texts in finds)]

    return names


def _has(kind: str, texts: tuple[str, ...], lowered: str, tags: Collection[str]) -> bool:
    if kind == "tag":
        said = has_signs(texts[0]) and next(_tagged(texts[0], lowered), None) is not None
        return texts[0] in tags or said
    return all(text in lowered for text in texts) and next(_find(kind, texts)(lowered), None) is not None


def _wanted(node: Node) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Kind and texts, in lower case, of what is to be found."""
    match node:
        case Term(parts, whole):
            yield "whole" if whole else "parts", tuple(map(lowercase, parts))
        case Filter("tag", values):
            bare = (lowercase(value.lstrip(_SIGNS)) for value in values)
            yield from (("tag", (value,)) for value in bare if value)
        case And(nodes) | Or(nodes):
            for one in nodes:
                yield from _wanted(one)


def _find(kind: str, texts: Sequence[str]) -> _Find:
    return {"parts": lambda text: _in_order(texts, text), "whole": lambda text: _alone(texts[0], text)}.get(
        kind, lambda text: _tagged(texts[0], text)
    )


def _joined(places: Places) -> Places:
    joined: Places = []
    for begin, end in places:
        if joined and begin < joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((begin, end))
    return joined


def _in_order(parts: Sequence[str], text: str) -> Iterator[tuple[int, int]]:
    """Each time that the parts follow each other, as near together as they can be."""
    end = 0
    while (end := _end_of_parts(parts, text, end)) >= 0:
        places, before = [], end
        for part in reversed(parts):
            begin = text.rfind(part, 0, before)
            places.append((begin, begin + len(part)))
            before = begin
        yield from reversed(places)


def _end_of_parts(parts: Sequence[str], text: str, begin: int) -> int:
    """Where the last one ends at the earliest; -1 if they don't follow each other."""
    for part in parts:
        if (begin := text.find(part, begin)) < 0:
            return -1
        begin += len(part)
    return begin


def _alone(phrase: str, text: str) -> Iterator[tuple[int, int]]:
    """Where no letter or digit touches the phrase."""
    begins = _is_letter(phrase[0])
    ends = any(map(_is_letter, _base_before(phrase, len(phrase))))
    begin = text.find(phrase)
    while begin >= 0:
        end = begin + len(phrase)
        touched = (begins and any(map(_touches, _base_before(text, begin)))) or (
            ends and any(map(_touches, text[end : end + 1]))
        )
        if not touched:
            yield begin, end
        begin = text.find(phrase, begin + 1 if touched else end)


def _tagged(tag: str, text: str) -> Iterator[tuple[int, int]]:
    """Where the text has the hashtag, with its sign, as lake.query.filter_sql.has_hashtag reads it."""
    begin = text.find(tag, 1)
    while begin >= 0:
        sign, before, after = text[begin - 1], text[max(0, begin - 2) : begin - 1], text[begin + len(tag) :][:1]
        free = not (before and (before in "_#/&" or _general(before) in "LN"))
        if sign in _SIGNS and free and not (after and (after == "_" or _general(after) in "LMN")):
            yield begin - 1, begin + len(tag)
        begin = text.find(tag, begin + 1)


def _base_before(text: str, at: int) -> str:
    """The character before `at` that is no mark of another one; empty at the beginning."""
    while at > 0 and _general(text[at - 1]) == "M" and not _spaceless(text[at - 1]):
        at -= 1
    return text[at - 1 : at] if at else ""


def _is_letter(character: str) -> bool:
    return _general(character) in "LN" and not _spaceless(character)


def _touches(character: str) -> bool:
    """A letter, a digit or a mark that belongs to the same word."""
    return _general(character) in "LNM" and not _spaceless(character)


def _general(character: str) -> str:
    return unicodedata.category(character)[0]


@lru_cache(10_000)
def _spaceless(character: str) -> bool:
    return unicodedata.name(character, "").startswith(_SPACELESS) or character in _SPACELESS_TOO
