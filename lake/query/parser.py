"""The text of a search becomes a tree: the lexer's tokens, read by recursive descent. Pure."""

import re
from collections.abc import Sequence

from lake.query.filter_values import QueryError, is_hashtag
from lake.query.lexer import Token, TokenKind, reject_invalid_text, tokenize
from lake.query.tree import And, Filter, Node, Not, Term, and_of, or_of

MAX_TERMS = 50
MAX_CHARACTERS = 2000
MAX_DEPTH = 20  # of parentheses
MAX_ITEMS = 1000  # of a list of alternatives
MAX_ITEM = 200  # characters of one
MAX_ITEMS_CHARACTERS = 50_000  # of all of them
_EXACT = re.compile(r"exact[:：]\s*(.+)", re.IGNORECASE | re.DOTALL)

_NOT_OPEN = "closes a parenthesis that is not open at character {}"
_NOT_CLOSED = "opens a parenthesis at character {} that is not closed"
_NOTHING = 'has nothing {} the {} at character {}; to search for the word write "{}"'
_NO_OPERAND = (TokenKind.AND, TokenKind.OR, TokenKind.CLOSE)  # an operand begins with none of these


def parse(text: str, exact: bool = False) -> Node:
    """With `exact` the whole text is one phrase. Raises QueryError, which says what is wrong and where."""
    if len(text) > MAX_CHARACTERS:
        raise QueryError(f"is {len(text)} characters long, at most {MAX_CHARACTERS} are allowed")
    reject_invalid_text(text)
    if exact:
        phrase = text.strip()
        return Term((phrase,), whole=True) if phrase else And(())
    tokens = list(tokenize(text))
    terms = sum(len(token.values) for token in tokens)
    if terms > MAX_TERMS:
        raise QueryError(f"has {terms} terms and values, at most {MAX_TERMS} are allowed")
    return _Parser(tokens).parse() if tokens else And(())


def parse_item(item: str) -> Node:
    """One of a list of alternatives: text, whose blanks belong to it, with * in it, `exact:` before it, or a hashtag.
    Nothing else is syntax. Raises QueryError."""
    text = item.strip()
    reject_invalid_text(text)
    if len(text) > MAX_ITEM:
        raise QueryError(f"has an item of {len(text)} characters, at most {MAX_ITEM} are allowed")
    if text[:1] in ("#", "＃") and not re.search(r"\s", text) and is_hashtag(text[1:]):
        return Filter("tag", (text[1:],))
    if match := _EXACT.fullmatch(text):
        return Term((match[1],), whole=True)
    parts = tuple(part for part in re.split("[*＊]", text) if part)
    if not parts:
        raise QueryError(f"has an item without text, '{text}': leave it out")
    return Term(parts)


def any_of(nodes: Sequence[Node]) -> Node:
    """One of parse_item()'s. The hashtags are one filter."""
    tags = tuple(dict.fromkeys(value for node in nodes if isinstance(node, Filter) for value in node.values))
    texts = tuple(dict.fromkeys(node for node in nodes if isinstance(node, Term)))
    return or_of([*texts, *([Filter("tag", tags)] if tags else [])])


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = self._depth = 0

    def parse(self) -> Node:
        node = self._disjunction()
        if (token := self._next()) is not None:  # only a ) ends a disjunction early
            raise QueryError(_NOT_OPEN.format(token.at))
        return node

    def _next(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _disjunction(self) -> Node:
        nodes = [self._conjunction()]
        while (token := self._next()) is not None and token.kind is TokenKind.OR:
            self._at += 1
            nodes.append(self._conjunction())
        return or_of(nodes)

    def _conjunction(self) -> Node:
        """Operands side by side, or with AND between them, which says the same."""
        nodes = [self._operand(self._next())]
        while (token := self._next()) is not None and token.kind not in (TokenKind.OR, TokenKind.CLOSE):
            if token.kind is TokenKind.AND:
                self._at += 1
            nodes.append(self._operand(self._next()))
        return and_of(nodes)

    def _why_empty(self, token: Token | None) -> str:
        """Why an operand is missing here."""
        before = self._tokens[self._at - 1] if self._at else None
        if before is not None and before.kind in (TokenKind.AND, TokenKind.OR):
            return _nothing("after", before)
        if token is not None and token.kind in (TokenKind.AND, TokenKind.OR):
            return _nothing("before", token)
        if before is None:
            return _NOT_OPEN.format(token.at if token else 1)
        return f"has nothing in the parentheses at character {before.at}" if token else _NOT_CLOSED.format(before.at)

    def _operand(self, token: Token | None) -> Node:
        if token is None or token.kind in _NO_OPERAND:
            raise QueryError(self._why_empty(token))
        self._at += 1
        match token.kind:
            case TokenKind.NOT:
                return self._not(token)
            case TokenKind.OPEN:
                return self._group(token)
        return leaf(token) or And(())

    def _not(self, token: Token) -> Node:
        """A double negation is none."""
        negated, last = True, token
        while _negates(last, following := self._next()) and following and following.kind is TokenKind.NOT:
            negated, last = not negated, following
            self._at += 1
        if not _negates(last, following):
            if last.text == "NOT":
                raise QueryError(_nothing("after", last))
            raise QueryError(f'has a - at character {last.at} with nothing right after it; to search for it write "-"')
        node = self._operand(following)
        if not negated:
            return node
        return node.node if isinstance(node, Not) else Not(node)

    def _group(self, token: Token) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise QueryError(f"has more than {MAX_DEPTH} nested parentheses at character {token.at}")
        node = self._disjunction()
        if self._next() is None:
            raise QueryError(_NOT_CLOSED.format(token.at))
        self._at += 1
        self._depth -= 1
        return node


def _negates(sign: Token, following: Token | None) -> bool:
    """A minus touches what it excludes; the word NOT may have blanks after it."""
    if following is None or following.kind in _NO_OPERAND:
        return False
    return sign.text == "NOT" or following.at == sign.end


def _nothing(side: str, word: Token) -> str:
    return _NOTHING.format(side, word.text, word.at, word.text)


def leaf(token: Token) -> Term | Filter | None:
    """None for a token of the syntax."""
    match token.kind:
        case TokenKind.FILTER:
            return Filter(token.text, token.values)
        case TokenKind.TERM | TokenKind.WHOLE:
            return Term(token.values, whole=token.kind is TokenKind.WHOLE)
    return None
