"""A bounded pool of records, so that the world stays small however long it runs."""

from typing import Generic, TypeVar

T = TypeVar("T")


class Pool(Generic[T]):
    """The last `capacity` items: when it is full, a new one replaces the oldest.

    `chance` is a random number of [0, 1); a skewed one, such as a square, makes some items far more popular.
    """

    def __init__(self, capacity: int = 20_000) -> None:
        self._items: list[T] = []
        self._capacity = capacity
        self._oldest = 0

    def add(self, item: T) -> None:
        if len(self._items) < self._capacity:
            self._items.append(item)
            return
        self._items[self._oldest] = item
        self._oldest = (self._oldest + 1) % self._capacity

    def newest(self) -> T | None:
        return self._items[self._oldest - 1] if self._items else None

    def pick(self, chance: float) -> T | None:
        items = self._items
        return items[int(chance * len(items))] if items else None

    def take(self, chance: float) -> T | None:
        """Picks and removes an item. The last one fills its place."""
        items = self._items
        if not items:
            return None
        number = int(chance * len(items))
        item, items[number] = items[number], items[-1]
        items.pop()
        if self._oldest >= len(items):
            self._oldest = 0
        return item
