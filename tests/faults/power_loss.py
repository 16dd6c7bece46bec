"""The files that a power loss leaves: what was synced, and of the rest what chance decides.

As strict as POSIX allows. The content of a file is durable after fsync of the file; its name after fsync of the folder
that has it; the folder's own name after fsync of the folder above. A rename happens whole or not at all, as in every
journaling file system; between two folders the new name may be there while the old one has not gone. It is durable once
one of the two folders is synced, the going of the old name once its own is.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.faults.journal import ROOT, Create, Link, Number, Operation, Remove, Rename, Sync, SyncAll, Truncate, Write

Content = Write | Truncate


class NameChange(NamedTuple):
    """In the folder `parent`, `name` is `number` from now on; None: it goes. `place`: in the journal."""

    place: int
    parent: Number
    name: str
    number: Number | None


class ContentChange(NamedTuple):
    place: int
    change: Content


# Which of the changes that were not synced are there after all, by their places in the journal; and a write that is
# torn, with the share of it that is there.
@dataclass(frozen=True)
class Survivors:
    places: frozenset[int] = frozenset()
    old_names_stay: bool = False  # of renames between two folders that were not synced
    torn: int = -1
    share: float = 0.0


@dataclass
class Disk:
    """After some operations: durable content and names, and changes that were not synced."""

    contents: dict[Number, bytearray] = field(default_factory=dict)
    names: dict[tuple[Number, str], Number] = field(default_factory=dict)
    folders: set[Number] = field(default_factory=lambda: {ROOT})
    pending_content: dict[Number, list[ContentChange]] = field(default_factory=dict)
    pending_names: list[NameChange] = field(default_factory=list)
    _now: dict[tuple[Number, str], Number] = field(default_factory=dict)  # as if all were synced

    def play(self, operations: Iterable[Operation]) -> "Disk":
        for place, operation in enumerate(operations):
            self._one(place, operation)
        return self

    def _one(self, place: int, operation: Operation) -> None:
        match operation:
            case Create() | Link():
                self._create(place, operation)
            case Remove(parent, name):
                self._name(place, parent, name, None)
            case Rename(parent, name, to_parent, to_name):
                self._name(place, to_parent, to_name, self._now[parent, name])
                self._name(place, parent, name, None)
            case Write(number) | Truncate(number):
                self.pending_content.setdefault(number, []).append(ContentChange(place, operation))
            case SyncAll():
                self._sync_all()
            case Sync(number):
                (self._sync_names if number in self.folders else self._sync_content)(number)

    def _create(self, place: int, operation: Create | Link) -> None:
        if isinstance(operation, Create) and operation.folder:
            self.folders.add(operation.number)
        self._name(place, operation.parent, operation.name, operation.number)

    def _name(self, place: int, parent: Number, name: str, number: Number | None) -> None:
        self.pending_names.append(NameChange(place, parent, name, number))
        if number is None:
            self._now.pop((parent, name), None)
        else:
            self._now[parent, name] = number

    def _sync_all(self) -> None:
        for number in list(self.pending_content):
            self._sync_content(number)
        for folder in self.folders:
            self._sync_names(folder)

    def _sync_content(self, number: Number) -> None:
        for _, change in self.pending_content.pop(number, []):
            apply(self.contents.setdefault(number, bytearray()), change)

    def _sync_names(self, folder: Number) -> None:
        """The whole of a rename out of this folder, but only the new name of one into it."""
        own = {change.place for change in self.pending_names if change.parent == folder}
        done = [c for c in self.pending_names if c.parent == folder or (c.place in own and c.number is not None)]
        for _, parent, name, number in done:
            _set(self.names, (parent, name), number)
        self.pending_names = [change for change in self.pending_names if change not in done]

    def unsynced(self) -> list[int]:
        """Places of the changes that a power loss may take."""
        contents = [change.place for changes in self.pending_content.values() for change in changes]
        return sorted({*contents, *(change.place for change in self.pending_names)})

    def write(self, target: Path, survivors: Survivors) -> None:
        """Makes the folder that the machine finds when the power is back."""
        names = dict(self.names)
        for place, parent, name, number in self.pending_names:
            stays = number is None and survivors.old_names_stay and self._renamed_away(place, parent)
            if place in survivors.places and not stays:
                _set(names, (parent, name), number)
        self._write_folder(ROOT, target, names, survivors)

    def _renamed_away(self, place: int, parent: Number) -> bool:
        return any(c.place == place and c.number is not None and c.parent != parent for c in self.pending_names)

    def _write_folder(
        self, folder: Number, target: Path, names: dict[tuple[Number, str], Number], survivors: Survivors
    ) -> None:
        target.mkdir()
        for (parent, name), number in names.items():
            if parent != folder:
                continue
            if number in self.folders:
                self._write_folder(number, target / name, names, survivors)
            else:
                (target / name).write_bytes(self._content(number, survivors))

    def _content(self, number: Number, survivors: Survivors) -> bytes:
        content = bytearray(self.contents.get(number, b""))
        for place, change in self.pending_content.get(number, []):
            if place in survivors.places:
                apply(content, change, survivors.share if place == survivors.torn else 1.0)
        return bytes(content)


def _set(names: dict[tuple[Number, str], Number], key: tuple[Number, str], number: Number | None) -> None:
    if number is None:
        names.pop(key, None)
    else:
        names[key] = number


def apply(content: bytearray, change: Content, share: float = 1.0) -> None:
    """A hole is zeros. `share`: of the data, from its beginning."""
    size = change.size if isinstance(change, Truncate) else change.offset
    content.extend(bytes(max(0, size - len(content))))
    if isinstance(change, Truncate):
        del content[size:]
    else:
        data = change.data[: int(len(change.data) * share)]
        content[size : size + len(data)] = data


def nothing_more(_: Disk) -> Survivors:
    """Only what was synced."""
    return Survivors()


def in_order(seed: int) -> Callable[[Disk], Survivors]:
    """Of what was not synced, all up to some moment; the last write is torn."""

    def choose(disk: Disk) -> Survivors:
        chance, places = random.Random(seed), disk.unsynced()
        kept = places[: chance.randint(0, len(places))]
        return Survivors(frozenset(kept), chance.random() < 0.5, kept[-1] if kept else -1, chance.random())

    return choose


def scattered(seed: int) -> Callable[[Disk], Survivors]:
    """Each change that was not synced for itself."""

    def choose(disk: Disk) -> Survivors:
        chance = random.Random(seed)
        kept = [place for place in disk.unsynced() if chance.random() < 0.5]
        return Survivors(frozenset(kept), chance.random() < 0.5, kept[-1] if kept else -1, chance.random())

    return choose
