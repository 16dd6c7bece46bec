"""A query's tree as text of the search syntax that parses to the same tree. Pure."""

from lake.query.filter_values import QueryError
from lake.query.filters import FILTERS
from lake.query.lexer import tokenize
from lake.query.parser import leaf
from lake.query.tree import And, Filter, Node, Not, Or, Term

MAX_RENDERED = 50  # values of one filter: no text can have more


def render(node: Node) -> str:
    match node:
        case And(nodes):
            return " ".join(f"({render(one)})" if isinstance(one, Or) else render(one) for one in nodes)
        case Or(nodes) if len(nodes) > MAX_RENDERED:
            return f"{len(nodes)} alternatives"
        case Or(nodes):
            return " OR ".join(render(one) for one in nodes)
        case Not(one):
            return f"-({render(one)})" if isinstance(one, And | Or) else f"-{render(one)}"
        case Filter(kind, values):
            return _render_filter(node, FILTERS[kind].operator, values)
        case Term(parts, whole=True):
            return _plainest(node, f"exact:{parts[0]}", f"exact:{_quoted(parts[0])}")
        case Term(parts):
            return _plainest(node, "*".join(parts), _quoted("*".join(parts)))


def _render_filter(node: Filter, operator: str, values: tuple[str, ...]) -> str:
    if len(values) > MAX_RENDERED:
        return f"{operator}:({len(values)} values)"
    hashtags = [",".join(f"#{value}" for value in values)] if node.kind == "tag" else []
    quoted = ",".join(map(_quoted, values))
    return _plainest(node, *hashtags, f"{operator}:{','.join(values)}", f"{operator}:{quoted}")


def _plainest(node: Term | Filter, *texts: str) -> str:
    """The first of these that parses to the node, else the last."""
    return next((text for text in texts if _means(text, node)), texts[-1])


def _means(text: str, node: Term | Filter) -> bool:
    try:
        return [leaf(token) for token in tokenize(text)] == [node]
    except QueryError:
        return False


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
