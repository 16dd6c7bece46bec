"""Handles in a query, in place of which the lake needs DIDs. Pure."""

from collections.abc import Callable

from lake.query.filter_values import ACCOUNT, ONE_POST, SUBJECT
from lake.query.filters import FILTERS
from lake.query.tree import And, Filter, Node, Not, Or


def resolve_handles(node: Node, did_of: Callable[[str], str]) -> Node:
    """The same query with DIDs in place of handles. `did_of`: called with each handle, lower-case and without @."""
    match node:
        case Filter(kind, values) if FILTERS[kind].value in (ACCOUNT, ONE_POST, SUBJECT):
            return Filter(kind, tuple(with_did(value, did_of) for value in values))
        case Not(one):
            return Not(resolve_handles(one, did_of))
        case And(nodes):
            return And(tuple(resolve_handles(one, did_of) for one in nodes))
        case Or(nodes):
            return Or(tuple(resolve_handles(one, did_of) for one in nodes))
    return node


def with_did(value: str, did_of: Callable[[str], str]) -> str:
    """A handle as its DID, and an AT-URI of a handle as that of the DID."""
    name, slash, path = value.removeprefix("at://").partition("/")
    if name.startswith("did:"):
        return value
    return f"at://{did_of(name)}/{path}" if slash else did_of(name)
