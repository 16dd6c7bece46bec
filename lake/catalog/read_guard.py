"""Reading files while compaction replaces them: notice it, and read again."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar

from lake.catalog.listing import all_listed
from lake.errors import LakeUnusable, Superseded

REPEATS = 20  # of a read whose files are replaced meanwhile: a rewrite takes some ten milliseconds at least
T = TypeVar("T")


def read_current(find: Callable[[], list[str]], read: Callable[[list[str]], T]) -> T:
    """`read(find())`, `find` giving paths of listed files. Both are repeated as long as files disappear from the
    listing meanwhile. Raises LakeUnusable if a file can't be read that is still listed."""
    paths = find()
    while True:
        try:
            return read(paths)
        except LakeUnusable:
            before, paths = paths, find()
            if set(paths) >= set(before):
                raise


def retry_superseded(work: Callable[[], T]) -> T:
    """`work()`, repeated up to REPEATS times while it raises Superseded."""
    for _ in range(REPEATS):
        with suppress(Superseded):
            return work()
    return work()


@contextmanager
def listed_throughout(paths: Sequence[str]) -> Iterator[None]:
    """Around a read of these files and of the tombstones for their rows. Raises Superseded unless all are still listed
    at its end: a file's replacement takes the tombstones that it has applied out of use."""
    with superseded_if_replaced(paths):
        yield
    if not all_listed(paths):
        raise Superseded


@contextmanager
def superseded_if_replaced(paths: Sequence[str]) -> Iterator[None]:
    """Around a read of these files alone: rows that were read stay true. Raises Superseded in place of LakeUnusable if
    one of them was replaced meanwhile."""
    try:
        yield
    except Superseded:
        raise
    except LakeUnusable as error:
        if all_listed(paths):
            raise
        raise Superseded from error
