"""The default thresholds of scores, as an administrator writes them: `0.5, toxic 0.7, political 0.6`. Pure."""

from typing import NamedTuple

USUAL = 0.5


class Thresholds(NamedTuple):
    """From which score on a post has a label. `of`: those of some names; `usual`: of all others."""

    usual: float = USUAL
    of: tuple[tuple[str, float], ...] = ()

    def __call__(self, name: str) -> float:
        return dict(self.of).get(name, self.usual)


DEFAULT = Thresholds()


def parse_thresholds(text: str) -> Thresholds:
    """Raises ValueError, with a sentence that says what is wrong."""
    usual, of = None, {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, _, number = part.rpartition(" ")
        name, score = name.strip(), _score(number, part)
        if name in of or (not name and usual is not None):
            raise ValueError(f"{name or 'the score of all other labels'} is there twice")
        if name:
            of[name] = score
        else:
            usual = score
    return Thresholds(USUAL if usual is None else usual, tuple(sorted(of.items())))


def _score(text: str, part: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = -1.0
    if not 0 <= score <= 1:
        raise ValueError(f"{part!r} does not end with a score from 0 to 1: write 0.5, toxic 0.7")
    return score
