"""What a query says, as a tree. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Term(NamedTuple):
    """Text that must occur: its parts in this order with anything between them, case-insensitive. `whole`: no letter or
    digit may touch it where it begins or ends with one."""

    parts: tuple[str, ...]
    whole: bool = False


class Filter(NamedTuple):
    """Any of these values. `kind`: a name of lake.query.filters.FILTERS."""

    kind: str
    values: tuple[str, ...]


class Not(NamedTuple):
    node: "Node"


class And(NamedTuple):
    """Without nodes it matches everything."""

    nodes: tuple["Node", ...]


class Or(NamedTuple):
    nodes: tuple["Node", ...]


Node = Term | Filter | Not | And | Or


def and_of(nodes: Iterable[Node]) -> Node:
    """Flattened."""
    flat = tuple(one for node in nodes for one in (node.nodes if isinstance(node, And) else (node,)))
    return flat[0] if len(flat) == 1 else And(flat)


def or_of(nodes: Iterable[Node]) -> Node:
    flat = tuple(one for node in nodes for one in (node.nodes if isinstance(node, Or) else (node,)))
    return flat[0] if len(flat) == 1 else Or(flat)


def terms(node: Node) -> tuple[Term, ...]:
    """Those that are not negated, in the order of the text, each once."""
    match node:
        case Term():
            return (node,)
        case And(nodes) | Or(nodes):
            return tuple(dict.fromkeys(term for one in nodes for term in terms(one)))
    return ()


def _filters_in(node: Node) -> Iterable[Filter]:
    match node:
        case Filter():
            yield node
        case Not(one):
            yield from _filters_in(one)
        case And(nodes) | Or(nodes):
            for one in nodes:
                yield from _filters_in(one)


def normal_handle(value: str) -> str:
    return value.removeprefix("@").lower()


def handles_in(node: Node) -> set[str]:
    """Where a DID is needed; lower-case, without @."""
    accounts = (one for one in _filters_in(node) if one.kind in ("author", "mention"))
    return {normal_handle(value) for one in accounts for value in one.values if not value.startswith("did:")}


def resolve_handles(node: Node, dids: Mapping[str, str]) -> Node:
    """The tree with DIDs in place of handles. `dids`: of all of them."""
    match node:
        case Filter(("author" | "mention") as kind, values):
            return Filter(kind, tuple(v if v.startswith("did:") else dids[normal_handle(v)] for v in values))
        case Not(one):
            return Not(resolve_handles(one, dids))
        case And(nodes):
            return And(tuple(resolve_handles(one, dids) for one in nodes))
        case Or(nodes):
            return Or(tuple(resolve_handles(one, dids) for one in nodes))
    return node
