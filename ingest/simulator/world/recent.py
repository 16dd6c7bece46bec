"""What exists lately: bounded, so that the world stays small however long it runs."""

from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """The last `capacity` things: when full, a new one takes the place of the oldest.

    `chance` is a number of [0, 1): a skewed one (its square, its cube) makes some things far more popular than others.
    """

    def __init__(self, capacity: int = 20_000) -> None:
        self._things: list[T] = []
        self._capacity = capacity
        self._oldest = 0

    def add(self, thing: T) -> None:
        if len(self._things) < self._capacity:
            self._things.append(thing)
            return
        self._things[self._oldest] = thing
        self._oldest = (self._oldest + 1) % self._capacity

    def newest(self) -> T | None:
        return self._things[self._oldest - 1] if self._things else None

    def pick(self, chance: float) -> T | None:
        things = self._things
        return things[int(chance * len(things))] if things else None

    def take(self, chance: float) -> T | None:
        """Pick and remove. The last thing fills the gap."""
        things = self._things
        if not things:
            return None
        number = int(chance * len(things))
        thing, things[number] = things[number], things[-1]
        things.pop()
        if self._oldest >= len(things):
            self._oldest = 0
        return thing
