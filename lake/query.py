"""The text of a search: what it may say, as a tree, and the tree written out again. Pure.

lake.lexer cuts the text into signs; here they become a tree; lake.conditions makes SQL of it.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from lake.filters import KINDS, QueryError
from lake.lexer import Kind, Sign, refuse_what_is_no_text, signs

__all__ = ["AllOf", "AnyOf", "Filter", "Node", "Not", "QueryError", "Term"]

MAX_TERMS = 50
MAX_CHARACTERS = 2000
MAX_DEPTH = 20  # of parentheses
MAX_WRITTEN = 50  # values of one filter: no text can have more

_NOT_OPEN = "closes a parenthesis that is not open at character {}"
_NOT_CLOSED = "opens a parenthesis at character {} that is not closed"


class Term(NamedTuple):
    """Text that must occur: its parts in this order with anything between them, caseless. `whole`: no letter or digit
    may touch it where it begins or ends with one."""

    parts: tuple[str, ...]
    whole: bool = False


class Filter(NamedTuple):
    """Any of these values. `kind`: author, subject, lang, tag, mention, domain, url, has, is; since and until have one
    moment in ISO 8601."""

    kind: str
    values: tuple[str, ...]


class Not(NamedTuple):
    node: "Node"


class AllOf(NamedTuple):
    """Of none: everything matches."""

    nodes: tuple["Node", ...]


class AnyOf(NamedTuple):
    nodes: tuple["Node", ...]


Node = Term | Filter | Not | AllOf | AnyOf


def parse(text: str, exact: bool = False) -> Node:
    """With `exact` all of it is one phrase. Raises QueryError that says what is wrong and where."""
    if len(text) > MAX_CHARACTERS:
        raise QueryError(f"is {len(text)} characters long, at most {MAX_CHARACTERS} are allowed")
    refuse_what_is_no_text(text)
    if exact:
        phrase = text.strip()
        return Term((phrase,), whole=True) if phrase else AllOf(())
    found = list(signs(text))
    terms = sum(len(sign.values) for sign in found)
    if terms > MAX_TERMS:
        raise QueryError(f"has {terms} terms and values, at most {MAX_TERMS} are allowed")
    return _Parser(found).whole() if found else AllOf(())


class _Parser:
    def __init__(self, found: list[Sign]) -> None:
        self._signs = found
        self._at = self._depth = 0

    def whole(self) -> Node:
        node = self._any()
        if (sign := self._next()) is not None:  # only a ) ends a list of alternatives early
            raise QueryError(_NOT_OPEN.format(sign.at))
        return node

    def _next(self) -> Sign | None:
        return self._signs[self._at] if self._at < len(self._signs) else None

    def _any(self) -> Node:
        nodes = [self._all()]
        while (sign := self._next()) is not None and sign.kind is Kind.OR:
            self._at += 1
            nodes.append(self._all())
        return any_of(nodes)

    def _all(self) -> Node:
        nodes = []
        while (sign := self._next()) is not None and sign.kind not in (Kind.OR, Kind.CLOSE):
            nodes.append(self._one(sign))
        if not nodes:
            raise QueryError(self._nothing(sign))
        return all_of(nodes)

    def _nothing(self, sign: Sign | None) -> str:
        """Why there is no term here."""
        before = self._signs[self._at - 1] if self._at else None
        if before is not None and before.kind is Kind.OR:
            return f"has nothing after the OR at character {before.at}"
        if sign is not None and sign.kind is Kind.OR:
            return f"has nothing before the OR at character {sign.at}"
        if before is None:
            return _NOT_OPEN.format(sign.at if sign else 1)
        return f"has nothing in the parentheses at character {before.at}" if sign else _NOT_CLOSED.format(before.at)

    def _one(self, sign: Sign) -> Node:
        self._at += 1
        match sign.kind:
            case Kind.NOT:
                return self._not(sign)
            case Kind.OPEN:
                return self._group(sign)
        return _leaf(sign) or AllOf(())

    def _not(self, sign: Sign) -> Node:
        """What is excluded twice is asked for."""
        excluded, last = True, sign
        while (following := self._next()) is not None and following.kind is Kind.NOT and following.at == last.end:
            excluded, last = not excluded, following
            self._at += 1
        if following is None or following.kind in (Kind.OR, Kind.CLOSE) or following.at != last.end:
            raise QueryError(f'has a - at character {last.at} with nothing right after it; to search for it write "-"')
        node = self._one(following)
        if not excluded:
            return node
        return node.node if isinstance(node, Not) else Not(node)

    def _group(self, sign: Sign) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise QueryError(f"has more than {MAX_DEPTH} parentheses in each other at character {sign.at}")
        node = self._any()
        if self._next() is None:
            raise QueryError(_NOT_CLOSED.format(sign.at))
        self._at += 1
        self._depth -= 1
        return node


def all_of(nodes: Iterable[Node]) -> Node:
    """As flat as can be."""
    flat = tuple(one for node in nodes for one in (node.nodes if isinstance(node, AllOf) else (node,)))
    return flat[0] if len(flat) == 1 else AllOf(flat)


def any_of(nodes: Iterable[Node]) -> Node:
    flat = tuple(one for node in nodes for one in (node.nodes if isinstance(node, AnyOf) else (node,)))
    return flat[0] if len(flat) == 1 else AnyOf(flat)


def written(node: Node) -> str:
    """In the search syntax: what is written out of a text's tree means the same tree."""
    match node:
        case AllOf(nodes):
            return " ".join(f"({written(one)})" if isinstance(one, AnyOf) else written(one) for one in nodes)
        case AnyOf(nodes):
            return " OR ".join(written(one) for one in nodes)
        case Not(one):
            return f"-({written(one)})" if isinstance(one, AllOf | AnyOf) else f"-{written(one)}"
        case Filter(kind, values):
            return _written_filter(node, KINDS[kind].operator, values)
        case Term(parts, whole=True):
            return _plainest(node, f"exact:{parts[0]}", f"exact:{_quoted(parts[0])}")
        case Term(parts):
            return _plainest(node, "*".join(parts), _quoted("*".join(parts)))


def _written_filter(node: Filter, operator: str, values: tuple[str, ...]) -> str:
    if len(values) > MAX_WRITTEN:
        return f"{operator}:({len(values)} values)"
    hashtags = [",".join(f"#{value}" for value in values)] if node.kind == "tag" else []
    quoted = ",".join(map(_quoted, values))
    return _plainest(node, *hashtags, f"{operator}:{','.join(values)}", f"{operator}:{quoted}")


def _plainest(leaf: Term | Filter, *texts: str) -> str:
    """The first of these that means the leaf, else the last."""
    return next((text for text in texts if _means(text, leaf)), texts[-1])


def _means(text: str, leaf: Term | Filter) -> bool:
    try:
        return [_leaf(sign) for sign in signs(text)] == [leaf]
    except QueryError:
        return False


def _leaf(sign: Sign) -> Term | Filter | None:
    match sign.kind:
        case Kind.FILTER:
            return Filter(sign.text, sign.values)
        case Kind.TERM | Kind.WHOLE:
            return Term(sign.values, whole=sign.kind is Kind.WHOLE)
    return None


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def terms(node: Node) -> tuple[Term, ...]:
    """Those that must or may occur, in the order of the text, each once."""
    match node:
        case Term():
            return (node,)
        case AllOf(nodes) | AnyOf(nodes):
            return tuple(dict.fromkeys(term for one in nodes for term in terms(one)))
    return ()


def _each(node: Node) -> Iterable[Filter]:
    match node:
        case Filter():
            yield node
        case Not(one):
            yield from _each(one)
        case AllOf(nodes) | AnyOf(nodes):
            for one in nodes:
                yield from _each(one)


def normal_handle(value: str) -> str:
    return value.removeprefix("@").lower()


def handles(node: Node) -> set[str]:
    """Those that stand where a DID is needed, lower case and without @."""
    accounts = (one for one in _each(node) if one.kind in ("author", "mention"))
    return {normal_handle(value) for one in accounts for value in one.values if not value.startswith("did:")}


def resolved(node: Node, dids: Mapping[str, str]) -> Node:
    """The same with DIDs in place of handles, all of which must be given."""
    match node:
        case Filter(("author" | "mention") as kind, values):
            return Filter(kind, tuple(v if v.startswith("did:") else dids[normal_handle(v)] for v in values))
        case Not(one):
            return Not(resolved(one, dids))
        case AllOf(nodes):
            return AllOf(tuple(resolved(one, dids) for one in nodes))
        case AnyOf(nodes):
            return AnyOf(tuple(resolved(one, dids) for one in nodes))
    return node
