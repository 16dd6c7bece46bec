"""Handles in a query, in place of which the lake needs DIDs. Pure."""

from collections.abc import Iterable, Mapping

from lake.query.filter_values import ACCOUNT
from lake.query.filters import FILTERS
from lake.query.tree import And, Filter, Node, Not, Or


def handles_in(node: Node) -> set[str]:
    """In lower case and without @."""
    return {_handle(value) for one in _account_filters(node) for value in one.values if not _is_did(value)}


def resolve_handles(node: Node, dids: Mapping[str, str]) -> Node:
    """The same query with DIDs in place of handles. Raises KeyError for a handle that `dids` lacks."""
    match node:
        case Filter(kind, values) if _takes_account(node):
            return Filter(kind, tuple(value if _is_did(value) else dids[_handle(value)] for value in values))
        case Not(one):
            return Not(resolve_handles(one, dids))
        case And(nodes):
            return And(tuple(resolve_handles(one, dids) for one in nodes))
        case Or(nodes):
            return Or(tuple(resolve_handles(one, dids) for one in nodes))
    return node


def _account_filters(node: Node) -> Iterable[Filter]:
    match node:
        case Filter() if _takes_account(node):
            yield node
        case Not(one):
            yield from _account_filters(one)
        case And(nodes) | Or(nodes):
            for one in nodes:
                yield from _account_filters(one)


def _takes_account(node: Filter) -> bool:
    return FILTERS[node.kind].value is ACCOUNT


def _is_did(value: str) -> bool:
    return value.startswith("did:")


def _handle(value: str) -> str:
    return value.removeprefix("@").lower()
