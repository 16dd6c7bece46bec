"""The values of the filter `label:` as NAME, NAME>=0.7, NAME@MODEL>0.5 or NAME=VALUE. Pure."""

import re
from typing import NamedTuple

SCORES = (">=", "<=", ">", "<")  # comparisons with a score
_PLAIN = re.compile(r"[\w./+-]+")  # needs no quotes
_QUOTED = r'"(?:[^"]|"")*"'
_WORD = rf'{_QUOTED}|[^"@<>=\x00-\x1f\x7f]+'
_WANTED = re.compile(rf'\s*({_WORD})(?:@({_WORD}))?(?:(>=|<=|>|<|=)\s*({_QUOTED}|[^"<>=\x00-\x1f\x7f]+))?\s*')
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
    """Raises ValueError. Names, models and values may be in straight quotes, in which a doubled quote stands for one."""
    match = _WANTED.fullmatch(text)
    if match is None:
        raise ValueError(text)
    name, model, comparison, operand = (_bare(part) for part in match.groups(""))
    if not name or match[1].endswith("!") or (match[2] and not model) or (comparison and not operand):
        raise ValueError(text)
    score = float(operand) if _NUMBER.fullmatch(operand) and '"' not in match[0].rpartition(comparison)[2] else None
    if comparison in SCORES and (score is None or not 0 <= score <= 1):
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
