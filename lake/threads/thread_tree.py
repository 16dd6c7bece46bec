"""The posts of a thread in reading order. Pure. Replies say what they answer, and need not be right."""

from collections.abc import Mapping
from typing import NamedTuple


class Place(NamedTuple):
    """`level`: 0 is the root."""

    uri: str
    level: int


def reading_order(root: str, parents: Mapping[str, str | None]) -> list[Place]:
    """Each post after what it answers, and all that answers it before the next of its own level, in the order of
    `parents`: by the URI of each reply, what it answers (None: the root). What is answered and not among the replies
    has a place below the root. Of replies that answer each other in a circle the first one is below the root."""
    below = _replies(root, _without_circles(root, parents))
    order: list[Place] = []
    left = [Place(root, 0)]
    while left:
        order.append(place := left.pop())
        left += [Place(uri, place.level + 1) for uri in reversed(below.get(place.uri, []))]
    return order


def _replies(root: str, parents: Mapping[str, str]) -> dict[str, list[str]]:
    below: dict[str, list[str]] = {root: []}
    for uri, parent in parents.items():
        if parent not in parents and parent not in below:
            below[root].append(parent)
        below.setdefault(parent, []).append(uri)
    return below


def _without_circles(root: str, given: Mapping[str, str | None]) -> dict[str, str]:
    parents = {uri: parent or root for uri, parent in given.items() if uri != root}
    rank = {uri: place for place, uri in enumerate(parents)}
    settled: set[str] = set()  # their way leads to the root, or to what is not among the replies
    for uri in rank:
        way: dict[str, int] = {}
        at = uri
        while at in parents and at not in settled and at not in way:
            way[at] = len(way)
            at = parents[at]
        if at in way:
            circle = list(way)[way[at] :]
            parents[min(circle, key=rank.__getitem__)] = root
        settled.update(way)
    return parents
