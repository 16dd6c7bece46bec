"""What a query says, as a tree. Pure.

The nodes are dataclasses: named tuples with the same fields would be equal, and `a b` not be told from `a OR b`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """Text that must occur: its parts in this order with anything between them, case-insensitive. `whole`: no letter or
    digit may touch it where it begins or ends with one."""

    parts: tuple[str, ...]
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """Any of these values. `kind`: a name of lake.query.filters.FILTERS."""

    kind: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Not:
    node: "Node"


@dataclass(frozen=True, slots=True)
class And:
    """Without nodes it matches everything."""

    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    nodes: tuple["Node", ...]


Node = Term | Filter | Not | And | Or


def and_of(nodes: Iterable[Node]) -> Node:
    """Flattened."""
    flat = tuple(one for node in nodes for one in (node.nodes if isinstance(node, And) else (node,)))
    return flat[0] if len(flat) == 1 else And(flat)


def or_of(nodes: Iterable[Node]) -> Node:
    flat = tuple(one for node in nodes for one in (node.nodes if isinstance(node, Or) else (node,)))
    return flat[0] if len(flat) == 1 else Or(flat)


def conjunction_of(node: Node, kind: str) -> And:
    """Of what must all match, the parts that are made of filters of this kind alone."""
    parts = node.nodes if isinstance(node, And) else (node,)
    nested = (conjunction_of(part, kind) if isinstance(part, And) else part for part in parts)
    return And(tuple(part for part in nested if _only_of(part, kind)))


def _only_of(node: Node, kind: str) -> bool:
    match node:
        case Filter(name):
            return name == kind
        case Not(one):
            return _only_of(one, kind)
        case And(nodes) | Or(nodes):
            return bool(nodes) and all(_only_of(one, kind) for one in nodes)
    return False


def may_match(node: Node, kind: str, passes: Callable[[tuple[str, ...]], bool]) -> bool:
    """Whether a row may match, when those that any filter of this kind with these values lets through are only there
    if it `passes`."""
    match node:
        case Filter(name, values) if name == kind:
            return passes(values)
        case And(nodes):
            return all(may_match(one, kind, passes) for one in nodes)
        case Or(nodes):
            return any(may_match(one, kind, passes) for one in nodes)
    return True


def any_filter(node: Node, kind: str) -> bool:
    """Whether there is a filter of this kind."""
    match node:
        case Filter(name):
            return name == kind
        case Not(one):
            return any_filter(one, kind)
        case And(nodes) | Or(nodes):
            return any(any_filter(one, kind) for one in nodes)
    return False


def terms(node: Node) -> tuple[Term, ...]:
    """Those that are not negated, in the order of the text, each once."""
    match node:
        case Term():
            return (node,)
        case And(nodes) | Or(nodes):
            return tuple(dict.fromkeys(term for one in nodes for term in terms(one)))
    return ()
