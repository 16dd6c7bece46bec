"""Terms as SQL over the column `text`, with bound values only. Pure.

DuckDB's regular expressions decide which characters are letters or digits, in the files and in the terms alike.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Any

from lake.query.tree import Term

# From so many terms on, one regular expression of all of them goes first: each term by itself costs a lower(text). 50
# words over 480,000 posts take 0.7 s of one core, one by one 14 s.
MANY = 3

# Scripts without spaces between words, and the marks that only they use.
_SPACELESS = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}"
    r"\x{3006}\x{3031}-\x{3035}\x{30FC}\x{FF70}\x{FF9E}\x{FF9F}"
)
_LETTER = rf"(?:[^\P{{L}}{_SPACELESS}]|[^\P{{N}}{_SPACELESS}])"
_MARKS = rf"[^\P{{M}}{_SPACELESS}]"
_FREE = rf"[^\p{{L}}\p{{N}}\p{{M}}]|[{_SPACELESS}]"
_BEFORE = rf"(?:^|{_FREE})\p{{M}}*"  # a mark belongs to the character before it, a letter or an emoji
_AFTER = rf"(?:$|{_FREE})"


class Parameters:
    """Bound values, of the parameters $q0, $q1, ... (or another prefix). The same text is bound once."""

    def __init__(self, prefix: str = "q") -> None:
        self._prefix = prefix
        self._names: dict[str, str] = {}
        self.values: dict[str, Any] = {}

    def __call__(self, value: str) -> str:
        if value not in self._names:
            self._names[value] = self.list(value)
        return self._names[value]

    def list(self, value: Any) -> str:
        name = f"{self._prefix}{len(self.values)}"
        self.values[name] = value
        return f"${name}"


def any_term(terms: Sequence[Term], bound: Parameters) -> str:
    """A condition: one of the terms matches. There must be at least one."""
    plain = [bound(term.parts[0]) for term in terms if _plain(term)]
    phrases = [bound(term.parts[0]) for term in terms if term.whole]
    stars = [list(map(bound, term.parts)) for term in terms if len(term.parts) > 1]
    each = [*map(_contains, plain), *map(_in_order, stars), *_whole(phrases)]
    if len(terms) >= MANY:
        narrowed = f"regexp_matches(lower(text), {_alternatives(bound(max(term.parts, key=len)) for term in terms)})"
    else:
        narrowed = " OR ".join(map(_contains, phrases)) if len(phrases) == len(terms) else ""
    if not narrowed or len(plain) == len(terms):
        return f"(text IS NOT NULL AND ({narrowed or ' OR '.join(each)}))"
    # CASE fixes the order of evaluation; AND does not.
    return f"(CASE WHEN text IS NOT NULL AND ({narrowed}) THEN {' OR '.join(each)} ELSE false END)"


def _plain(term: Term) -> bool:
    return len(term.parts) == 1 and not term.whole


def escaped(name: str) -> str:
    """SQL of a pattern that only the value matches, in lower case."""
    return f"regexp_escape(lower({name}))"


def _contains(name: str) -> str:
    return f"contains(lower(text), lower({name}))"


def _alternatives(names: Iterable[str]) -> str:
    patterns = ", '|', ".join(escaped(name) for name in dict.fromkeys(names))
    return f"concat({patterns})"


def _in_order(names: Sequence[str]) -> str:
    """Whether the parts occur at all is fast to see, so their order is checked only then."""
    pattern = ", '.*', ".join(map(escaped, names))
    return f"({' AND '.join(map(_contains, names))} AND regexp_matches(lower(text), concat('(?s)', {pattern})))"


def _whole(names: Sequence[str]) -> Iterator[str]:
    """One regular expression for all phrases that begin and end alike, with a letter or without. One for all phrases,
    which repeats the character classes for each, takes hours. DuckDB groups the phrases once per query."""
    for begins, ends in product(("", "NOT "), repeat=2) if names else ():
        alike = rf"{begins}regexp_matches(v, '^{_LETTER}') AND {ends}regexp_matches(v, '{_LETTER}{_MARKS}*$')"
        group = f"list_filter([{', '.join(dict.fromkeys(names))}]::VARCHAR[], lambda v: {alike})"
        phrases = f"array_to_string(list_transform({group}, lambda v: {escaped('v')}), '|')"
        before, after = "" if begins else _BEFORE, "" if ends else _AFTER
        yield f"(len({group}) > 0 AND regexp_matches(lower(text), concat('(?s){before}(?:', {phrases}, '){after}')))"
