"""A progress bar on stderr, drawn only where that is a terminal."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Self, TypeVar

WIDTH = 30
REDRAW_SECONDS = 0.2

T = TypeVar("T")


class ProgressBar:
    """`unit`: what is counted, such as "files"; a function is called at each drawing.

    with ProgressBar("files") as bar:
        bar.show(1, 3)
    """

    def __init__(self, unit: str | Callable[[], str]) -> None:
        self._unit = unit
        self._last: tuple[int, int] | None = None
        self._drawn_at = 0.0

    def show(self, done: int, total: int) -> None:
        """Draws at most every REDRAW_SECONDS; the end of the block draws the last state."""
        self._last = done, total
        if time.monotonic() - self._drawn_at > REDRAW_SECONDS:
            self._drawn_at = time.monotonic()
            self._draw(done, total, end="")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._last is not None:
            self._draw(*self._last, end="\n")

    def _draw(self, done: int, total: int, end: str) -> None:
        if not sys.stderr.isatty():
            return
        share = done / total if total else 1.0
        unit = self._unit if isinstance(self._unit, str) else self._unit()
        bar = f"\r[{'#' * int(share * WIDTH):<{WIDTH}}] {share:4.0%} {done:,} of {total:,} {unit}"
        print(bar, end=end, flush=True, file=sys.stderr)  # noqa: T201 - a terminal


def run_with_progress(progress: Iterable[tuple[int, int]], unit: str | Callable[[], str]) -> None:
    """Runs an iterator of (done, total) to its end, and shows them."""
    with ProgressBar(unit) as bar:
        for done, total in progress:
            bar.show(done, total)


def tracked(items: Sequence[T], unit: str) -> Iterator[T]:
    """The items one by one; shows how many are done."""
    with ProgressBar(unit) as bar:
        for done, item in enumerate(items, 1):
            yield item
            bar.show(done, len(items))
