"""The tree of a query as SQL over one dataset's columns, with bound values only. Pure.

A condition is true or false of a row and never NULL, so that NOT selects all other rows.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from lake.labelfilter.thresholds import DEFAULT, Thresholds
from lake.query.filter_sql import Scope
from lake.query.filter_values import QueryError
from lake.query.filters import FILTERS, check_filter
from lake.query.rendering import render
from lake.query.text_sql import BOUND_ONE_BY_ONE, MANY, Parameters, any_term, is_plain
from lake.query.tree import And, Filter, Node, Not, Or, Term, terms
from lake.schema import Dataset

NamedTerm = tuple[str, Node]  # what a user calls a part of the query, and the part


class Condition(NamedTuple):
    """SQL in parentheses, and the values of its parameters $q0, $q1, ..."""

    sql: str
    values: dict[str, Any]


def compile_query(node: Node, dataset: Dataset, clock: str = "seen", thresholds: Thresholds = DEFAULT) -> Condition:
    """`clock`: the column of since and until. The node must have passed check_dataset(), and names no handles. With
    labels in it the condition is on rows called `row`, beside lake.labelfilter.label_sql.LABELS."""
    scope = Scope(dataset, clock, Parameters(), thresholds)
    return Condition(_sql(node, scope), scope.bound.values)


def matched_terms(terms: Sequence[NamedTerm], dataset: Dataset) -> Condition:
    """A VARCHAR[] over posts: the names of those that match the row. Its parameters are $m0, $m1, ..., so that it can
    be combined with the query's condition."""
    scope = Scope(dataset, "seen", Parameters("m"))
    plain = [(name, node.parts[0]) for name, node in terms if isinstance(node, Term) and is_plain(node)]
    if len(plain) <= BOUND_ONE_BY_ONE:
        return Condition(_cases(terms, scope), scope.bound.values)
    names, texts = (scope.bound.list(list(column)) for column in zip(*plain, strict=True))
    # lower(text) once a row, not once a name; [1] unwraps it.
    contained = f"list_filter({names}::VARCHAR[], lambda name, n: contains(lowered, lower({texts}[n])))"
    found = f"list_transform([lower(coalesce(text, ''))], lambda lowered: {contained})[1]"
    rest = [(name, node) for name, node in terms if not (isinstance(node, Term) and is_plain(node))]
    return Condition(f"list_concat({found}, {_cases(rest, scope)})", scope.bound.values)


def _cases(terms: Sequence[NamedTerm], scope: Scope) -> str:
    cases = [f"CASE WHEN {_sql(node, scope)} THEN {scope.bound(name)} END" for name, node in terms]
    return f"list_filter([{', '.join(cases)}]::VARCHAR[], lambda x: x IS NOT NULL)"


def named_terms(node: Node, items: Sequence[NamedTerm] = ()) -> tuple[NamedTerm, ...]:
    """The terms of the query's text as they are rendered, and `items` as they were written; each name once. Plain ones
    come first."""
    every: dict[str, Node] = {}
    for name, one in [*((render(term), term) for term in terms(node)), *items]:
        every.setdefault(name, one)
    return tuple(sorted(every.items(), key=lambda one: not (isinstance(one[1], Term) and is_plain(one[1]))))


def check_dataset(node: Node, dataset: Dataset) -> None:
    """Raises QueryError when the dataset does not have what the query refers to."""
    match node:
        case And(nodes) | Or(nodes):
            for one in nodes:
                check_dataset(one, dataset)
        case Not(one):
            check_dataset(one, dataset)
        case Filter(kind, values):
            check_filter(kind, values, dataset)
        case Term() if dataset.name != "posts":
            raise QueryError(f"is for posts: {dataset.name} have no text to search")


def _sql(node: Node, scope: Scope) -> str:
    match node:
        case And(nodes):
            return f"({' AND '.join(_sql(one, scope) for one in _excluded_at_once(nodes)) or 'true'})"
        case Or(nodes):
            in_text = [one for one in nodes if isinstance(one, Term)]
            conditions = [any_term(in_text, scope.bound)] if in_text else []
            conditions += [_sql(one, scope) for one in nodes if not isinstance(one, Term)]
            return f"({' OR '.join(conditions) or 'false'})"
        case Not(one):
            return f"(NOT {_sql(one, scope)})"
        case Term():
            return any_term([node], scope.bound)
        case Filter(kind, values):
            return f"({' OR '.join(f'({one})' for one in FILTERS[kind].conditions(scope, values)) or 'false'})"


def _excluded_at_once(nodes: Sequence[Node]) -> list[Node]:
    """Many excluded terms as one node."""
    excluded = {at: one.node for at, one in enumerate(nodes) if isinstance(one, Not) and isinstance(one.node, Term)}
    if len(excluded) < MANY:
        return list(nodes)
    return [*(one for at, one in enumerate(nodes) if at not in excluded), Not(Or(tuple(excluded.values())))]
