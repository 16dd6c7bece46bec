"""A query as a text index understands it: as keys, and as a test of the texts that it stores. Pure."""

from collections.abc import Callable, Iterable
from functools import lru_cache

from lake.query.tree import And, Filter, Node, Or, Term
from lake.textindex.key_query import AllKeys, AnyKey, KeyQuery
from lake.textindex.ngrams import KeyRange, author_key, gram_ranges

TextTest = Callable[[str], bool]

MAX_TESTED = 100  # alternatives for which a text is tested, one after the other
MAX_NAMES = 100  # of one filter: each costs 0.1 ms per index


@lru_cache(256)
def index_terms(node: Node) -> KeyQuery | None:
    """The keys that every matching post has. None when the index can't narrow the query."""
    match node:
        case Term(parts=parts):
            return _all(key for part in parts for key in gram_ranges(lowercase(part)))
        case Filter(kind="author", values=dids) if 0 < len(dids) <= MAX_NAMES:
            keys = (author_key(did) for did in dids)
            return AnyKey(tuple(KeyRange(key, key) for key in dict.fromkeys(keys)))
        case And(nodes=nodes):
            return _all(one for child in nodes if (one := index_terms(child)) is not None)
        case Or(nodes=nodes) if nodes:
            children = [index_terms(child) for child in nodes]
            return None if None in children else AnyKey(tuple(child for child in children if child is not None))
    return None


def text_test(node: Node) -> TextTest | None:
    """Whether a post with this text, in lower case, may match. None: no text tells. Exclusions, filters, the order of a
    term's parts and word boundaries are left to DuckDB."""
    match node:
        case Term(parts=parts):
            lowered = [lowercase(part) for part in parts]
            return lambda text: all(part in text for part in lowered)
        case And(nodes=nodes):
            tests = [test for child in nodes if (test := text_test(child)) is not None]
            return (lambda text: all(test(text) for test in tests)) if tests else None
        case Or(nodes=nodes) if 0 < len(nodes) <= MAX_TESTED:
            tests = [test for child in nodes if (test := text_test(child)) is not None]
            return (lambda text: any(test(text) for test in tests)) if len(tests) == len(nodes) else None
    return None


def _all(parts: Iterable[KeyQuery]) -> KeyQuery | None:
    flat = dict.fromkeys(one for part in parts for one in (part.clauses if isinstance(part, AllKeys) else (part,)))
    return AllKeys(tuple(flat)) if flat else None


def lowercase(text: str) -> str:
    """As DuckDB's lower(), which goes by single characters. A test compares every code point."""
    return text.replace("İ", "i").replace("Σ", "σ").lower()
