"""For what reads files that compaction may replace meanwhile: notices it, and reads again."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar

from lake.catalog.listing import all_listed
from lake.errors import LakeUnusable, Superseded

REPEATS = 20  # of a read whose files were replaced meanwhile: to make one takes some ten milliseconds at least
T = TypeVar("T")


def read_current(ask: Callable[[], list[str]], read: Callable[[list[str]], T]) -> T:
    """What `read` makes of the files that `ask` gives; both again as long as compaction takes files away meanwhile.
    Raises LakeUnusable when one can't be read that is still listed."""
    paths = ask()
    while True:
        try:
            return read(paths)
        except LakeUnusable:
            before, paths = paths, ask()
            if set(paths) >= set(before):
                raise


def retry_superseded(work: Callable[[], T]) -> T:
    """What `work` returns, done anew as often as it raises Superseded."""
    for _ in range(REPEATS):
        with suppress(Superseded):
            return work()
    return work()


@contextmanager
def still_listed(paths: Sequence[str]) -> Iterator[None]:
    """For what reads these files and asks which of their rows are deleted. Raises Superseded when compaction has
    replaced one meanwhile: a file and the tombstones that it makes needless go in one transaction."""
    with unless_replaced(paths):
        yield
    if not all_listed(paths):
        raise Superseded


@contextmanager
def unless_replaced(paths: Sequence[str]) -> Iterator[None]:
    """For what reads these files, of which nothing but the rows matters: once read, they are. Turns LakeUnusable into
    Superseded when compaction has replaced one meanwhile."""
    try:
        yield
    except Superseded:
        raise
    except LakeUnusable as error:
        if all_listed(paths):
            raise
        raise Superseded from error
