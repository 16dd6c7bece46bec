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

# Terms of one regular expression at most: of more than these DuckDB's automata outgrow their memory. 1,000 words with
# letters beyond ASCII took 4.3 s of a core for 20,000 posts in one expression, and 0.3 s in ten.
AT_ONCE_ASCII, AT_ONCE = 300, 100
BOUND_ONE_BY_ONE = 50  # terms; more are bound as one list

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
    if len(terms) <= AT_ONCE:
        return _any_of(terms, bound)
    return f"({' OR '.join(_any_of(group, bound) for group in _groups(terms))})"


def _groups(terms: Sequence[Term]) -> Iterator[list[Term]]:
    """Of a kind: plain or not, with letters beyond ASCII or not."""
    for plain, ascii_only in product((True, False), repeat=2):
        alike = [term for term in terms if is_plain(term) is plain and "".join(term.parts).isascii() is ascii_only]
        size = AT_ONCE_ASCII if ascii_only else AT_ONCE
        yield from (alike[start : start + size] for start in range(0, len(alike), size))


def _any_of(terms: Sequence[Term], bound: Parameters) -> str:
    plain = [term.parts[0] for term in terms if is_plain(term)]
    phrases = [term.parts[0] for term in terms if term.whole]
    stars = [list(map(bound, term.parts)) for term in terms if len(term.parts) > 1]
    if len(terms) >= MANY:
        narrowed = f"regexp_matches(lower(text), {_alternatives([max(one.parts, key=len) for one in terms], bound)})"
        if len(plain) == len(terms):
            return f"(text IS NOT NULL AND ({narrowed}))"
    else:
        narrowed = " OR ".join(_contains(bound(phrase)) for phrase in phrases) if len(phrases) == len(terms) else ""
    each = [*(_contains(bound(text)) for text in plain), *map(_in_order, stars), *_whole(phrases, bound)]
    if not narrowed or len(plain) == len(terms):
        return f"(text IS NOT NULL AND ({narrowed or ' OR '.join(each)}))"
    # CASE fixes the order of evaluation; AND does not.
    return f"(CASE WHEN text IS NOT NULL AND ({narrowed}) THEN {' OR '.join(each)} ELSE false END)"


def is_plain(term: Term) -> bool:
    """Its text is somewhere in the text of a post, and that is all."""
    return len(term.parts) == 1 and not term.whole


def escaped(name: str) -> str:
    """SQL of a pattern that only the value matches, in lower case."""
    return f"regexp_escape(lower({name}))"


def _contains(name: str) -> str:
    return f"contains(lower(text), lower({name}))"


def _alternatives(texts: Iterable[str], bound: Parameters) -> str:
    return f"array_to_string(list_transform({_listed(texts, bound)}, lambda v: {escaped('v')}), '|')"


def _listed(texts: Iterable[str], bound: Parameters) -> str:
    each = list(dict.fromkeys(texts))
    listed = bound.list(each) if len(each) > BOUND_ONE_BY_ONE else f"[{', '.join(map(bound, each))}]"
    return f"{listed}::VARCHAR[]"


def _in_order(names: Sequence[str]) -> str:
    """Whether the parts occur at all is fast to see, so their order is checked only then."""
    pattern = ", '.*', ".join(map(escaped, names))
    return f"({' AND '.join(map(_contains, names))} AND regexp_matches(lower(text), concat('(?s)', {pattern})))"


def _whole(texts: Sequence[str], bound: Parameters) -> Iterator[str]:
    """One regular expression for all phrases that begin and end alike, with a letter or without. One for all phrases,
    which repeats the character classes for each, takes hours. DuckDB groups the phrases once per query."""
    for begins, ends in product(("", "NOT "), repeat=2) if texts else ():
        alike = rf"{begins}regexp_matches(v, '^{_LETTER}') AND {ends}regexp_matches(v, '{_LETTER}{_MARKS}*$')"
        group = f"list_filter({_listed(texts, bound)}, lambda v: {alike})"
        phrases = f"array_to_string(list_transform({group}, lambda v: {escaped('v')}), '|')"
        before, after = "" if begins else _BEFORE, "" if ends else _AFTER
        yield f"(len({group}) > 0 AND regexp_matches(lower(text), concat('(?s){before}(?:', {phrases}, '){after}')))"
