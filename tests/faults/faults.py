"""Which operations of a recorded disk fail, and how."""

from typing import NamedTuple

FOR_EVER = 1 << 40
CHANGES = ("create", "mkdir", "link", "unlink", "rmdir", "rename", "open", "write", "truncate")
GROWTH = ("create", "mkdir", "link", "write")  # what a full disk refuses


class Fault(NamedTuple):
    """Operations of these kinds fail on paths that match (as in a shell, `*` is also `/`), from the `first` of them on,
    `times` of them."""

    kinds: tuple[str, ...] = ()
    errno: int = 0
    match: str = "*"
    first: int = 1
    times: int = FOR_EVER
