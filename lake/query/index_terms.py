"""What a post that matches a query must be found by in a text index. Pure."""

from collections.abc import Iterable
from functools import lru_cache

from lake.query.tree import AllOf, AnyOf, Filter, Node, Term
from lake.textindex.key_query import All, Any, Wanted
from lake.textindex.ngrams import Range, literal, name_key

MAX_NAMES = 100  # of one filter: each costs a tenth of a millisecond in each index


@lru_cache(256)
def wanted(node: Node) -> Wanted | None:
    """What a post must be found by that matches. None when the query says nothing that an index knows."""
    match node:
        case Term(parts=parts):
            return _all(found for part in parts for found in literal(fold(part)))
        case Filter(kind="author", values=dids) if 0 < len(dids) <= MAX_NAMES:
            keys = (name_key("author", did) for did in dids)
            return Any(tuple(Range(key, key) for key in dict.fromkeys(keys)))
        case AllOf(nodes=nodes):
            return _all(found for child in nodes if (found := wanted(child)) is not None)
        case AnyOf(nodes=nodes) if nodes:
            children = [wanted(child) for child in nodes]
            return None if None in children else Any(tuple(child for child in children if child is not None))
    return None


def _all(parts: Iterable[Wanted]) -> Wanted | None:
    flat = dict.fromkeys(one for part in parts for one in (part.of if isinstance(part, All) else (part,)))
    return All(tuple(flat)) if flat else None


def fold(text: str) -> str:
    """Lower case, character by character: DuckDB's lower(), as a test proves of each code point."""
    return "".join("i" if character == "İ" else character.lower() for character in text)
