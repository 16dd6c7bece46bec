"""Handles in a query, in place of which the lake needs DIDs. Pure."""

from collections.abc import Callable

from lake.query.filter_values import ACCOUNT
from lake.query.filters import FILTERS
from lake.query.tree import And, Filter, Node, Not, Or


def resolve_handles(node: Node, did_of: Callable[[str], str]) -> Node:
    """The same query with DIDs in place of handles. `did_of`: called with each handle, lower-case and without @."""
    match node:
        case Filter(kind, values) if FILTERS[kind].value is ACCOUNT:
            return Filter(kind, tuple(value if value.startswith("did:") else did_of(value) for value in values))
        case Not(one):
            return Not(resolve_handles(one, did_of))
        case And(nodes):
            return And(tuple(resolve_handles(one, did_of) for one in nodes))
        case Or(nodes):
            return Or(tuple(resolve_handles(one, did_of) for one in nodes))
    return node
