"""The text of a search: what it may say, as a tree, and the tree written out again. Pure.

lake.query.lexer cuts the text into signs; here they become a tree; lake.query.sql makes SQL of it.
"""

from lake.query.filters import QueryError
from lake.query.lexer import Token, TokenKind, reject_invalid_text, tokenize
from lake.query.tree import And, Filter, Node, Not, Term, and_of, or_of

MAX_TERMS = 50
MAX_CHARACTERS = 2000
MAX_DEPTH = 20  # of parentheses

_NOT_OPEN = "closes a parenthesis that is not open at character {}"
_NOT_CLOSED = "opens a parenthesis at character {} that is not closed"


def parse(text: str, exact: bool = False) -> Node:
    """With `exact` all of it is one phrase. Raises QueryError that says what is wrong and where."""
    if len(text) > MAX_CHARACTERS:
        raise QueryError(f"is {len(text)} characters long, at most {MAX_CHARACTERS} are allowed")
    reject_invalid_text(text)
    if exact:
        phrase = text.strip()
        return Term((phrase,), whole=True) if phrase else And(())
    found = list(tokenize(text))
    terms = sum(len(sign.values) for sign in found)
    if terms > MAX_TERMS:
        raise QueryError(f"has {terms} terms and values, at most {MAX_TERMS} are allowed")
    return _Parser(found).whole() if found else And(())


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._signs = found
        self._at = self._depth = 0

    def whole(self) -> Node:
        node = self._any()
        if (sign := self._next()) is not None:  # only a ) ends a list of alternatives early
            raise QueryError(_NOT_OPEN.format(sign.at))
        return node

    def _next(self) -> Token | None:
        return self._signs[self._at] if self._at < len(self._signs) else None

    def _any(self) -> Node:
        nodes = [self._all()]
        while (sign := self._next()) is not None and sign.kind is TokenKind.OR:
            self._at += 1
            nodes.append(self._all())
        return or_of(nodes)

    def _all(self) -> Node:
        nodes = []
        while (sign := self._next()) is not None and sign.kind not in (TokenKind.OR, TokenKind.CLOSE):
            nodes.append(self._one(sign))
        if not nodes:
            raise QueryError(self._nothing(sign))
        return and_of(nodes)

    def _nothing(self, sign: Token | None) -> str:
        """Why there is no term here."""
        before = self._signs[self._at - 1] if self._at else None
        if before is not None and before.kind is TokenKind.OR:
            return f"has nothing after the OR at character {before.at}"
        if sign is not None and sign.kind is TokenKind.OR:
            return f"has nothing before the OR at character {sign.at}"
        if before is None:
            return _NOT_OPEN.format(sign.at if sign else 1)
        return f"has nothing in the parentheses at character {before.at}" if sign else _NOT_CLOSED.format(before.at)

    def _one(self, sign: Token) -> Node:
        self._at += 1
        match sign.kind:
            case TokenKind.NOT:
                return self._not(sign)
            case TokenKind.OPEN:
                return self._group(sign)
        return _leaf(sign) or And(())

    def _not(self, sign: Token) -> Node:
        """What is excluded twice is asked for."""
        excluded, last = True, sign
        while (following := self._next()) is not None and following.kind is TokenKind.NOT and following.at == last.end:
            excluded, last = not excluded, following
            self._at += 1
        if following is None or following.kind in (TokenKind.OR, TokenKind.CLOSE) or following.at != last.end:
            raise QueryError(f'has a - at character {last.at} with nothing right after it; to search for it write "-"')
        node = self._one(following)
        if not excluded:
            return node
        return node.node if isinstance(node, Not) else Not(node)

    def _group(self, sign: Token) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise QueryError(f"has more than {MAX_DEPTH} parentheses in each other at character {sign.at}")
        node = self._any()
        if self._next() is None:
            raise QueryError(_NOT_CLOSED.format(sign.at))
        self._at += 1
        self._depth -= 1
        return node


def _leaf(sign: Token) -> Term | Filter | None:
    match sign.kind:
        case TokenKind.FILTER:
            return Filter(sign.text, sign.values)
        case TokenKind.TERM | TokenKind.WHOLE:
            return Term(sign.values, whole=sign.kind is TokenKind.WHOLE)
    return None
