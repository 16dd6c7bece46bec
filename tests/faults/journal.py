"""What happened to the files of a recorded disk, in order: enough to make any state anew that a power loss may leave.

A file or folder is a number, which is never used again; its names come and go.
"""

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

ROOT = 0  # the number of the disk's own folder

Number = int


class Create(NamedTuple):
    """A new file, or folder, under a name in the folder `parent`."""

    parent: Number
    name: str
    number: Number
    folder: bool


class Link(NamedTuple):
    """One more name of a file."""

    parent: Number
    name: str
    number: Number


class Remove(NamedTuple):
    parent: Number
    name: str


class Rename(NamedTuple):
    """What has the second name is replaced."""

    parent: Number
    name: str
    to_parent: Number
    to_name: str


class Write(NamedTuple):
    number: Number
    offset: int
    data: bytes


class Truncate(NamedTuple):
    number: Number
    size: int


class Sync(NamedTuple):
    """fsync of a file, or of a folder. `path`: where it was then, for whoever leaves one out."""

    number: Number
    path: str


class SyncAll(NamedTuple):
    """Of all files and folders, as sync(1) does."""


Operation = Create | Link | Remove | Rename | Write | Truncate | Sync | SyncAll


def append(file: BinaryIO, operation: Operation) -> None:
    pickle.dump(operation, file)


def read(path: Path) -> Iterator[Operation]:
    """A last one that was cut off is left out."""
    with path.open("rb") as file:
        while True:
            try:
                yield pickle.load(file)
            except (EOFError, pickle.UnpicklingError):
                return
