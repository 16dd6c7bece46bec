"""The values of the filter `label:` as NAME, NAME>=0.7, NAME@MODEL>0.5 or NAME=VALUE. Pure."""

import re
from typing import NamedTuple

SCORES = (">=", "<=", ">", "<")  # comparisons with a score
_PLAIN = re.compile(r"[\w./+-]+")  # needs no quotes
_QUOTED = r'"(?:[^"]|"")*"'
_WORD = rf'{_QUOTED}|[^"@<>=\x00-\x1f\x7f]+'
_OPERAND = rf'{_QUOTED}|[^"<>=\x00-\x1f\x7f]+'
_WANTED = re.compile(rf"\s*({_WORD})(?:@({_WORD}))?(?:(>=|<=|>|<|=)\s*({_OPERAND}))?\s*")
_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


class Wanted(NamedTuple):
    """`model`: empty for any. `comparison`: empty, when the default threshold counts. `score`: what a score is compared
    with; None for none. `value`: what the value must be, of the comparison `=`."""

    name: str
    model: str = ""
    comparison: str = ""
    score: float | None = None
    value: str = ""


def parse_wanted(text: str) -> Wanted:
    """Raises ValueError. Names, models and values may be in straight quotes, where a doubled one stands for one."""
    match = _WANTED.fullmatch(text)
    if match is None or match[1].endswith("!"):
        raise ValueError(text)
    name, model, comparison, operand = (_bare(part) for part in match.groups(""))
    number = _NUMBER.fullmatch((match[4] or "").strip())
    score = float(operand) if number else None
    missing = not name or (match[2] and not model) or (comparison and not operand)
    if missing or (comparison in SCORES and (score is None or score > 1)):
        raise ValueError(text)
    return Wanted(name, model, comparison, score, operand if comparison == "=" else "")


def write_wanted(wanted: Wanted) -> str:
    """The text that parses to it."""
    model = f"@{_plainest(wanted.model)}" if wanted.model else ""
    if wanted.comparison == "=":
        text = wanted.score is None and _NUMBER.fullmatch(wanted.value)
        operand = quoted(wanted.value) if text else _plainest(wanted.value)
    else:
        operand = "" if wanted.score is None else _number(wanted.score)
    return f"{_plainest(wanted.name)}{model}{wanted.comparison}{operand}"


def canonical(text: str) -> str:
    """One text for all that mean the same. Raises ValueError."""
    return write_wanted(parse_wanted(text))


def _bare(part: str) -> str:
    part = part.strip()
    return part[1:-1].replace('""', '"') if part.startswith('"') else part


def _plainest(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else quoted(text)


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _number(score: float) -> str:
    return repr(score).removesuffix(".0")
