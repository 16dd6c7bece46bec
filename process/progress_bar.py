"""What a command with long work shows on a terminal; nowhere else is it of use."""

import sys
import time
from collections.abc import Callable, Iterable

WIDTH = 30
EVERY_SECONDS = 0.2


def run_with_progress(progress: Iterable[tuple[int, int]], what: str | Callable[[], str]) -> None:
    """Does all the work of the generator; draws (done, all) of it as a bar on stderr when that is a terminal. `what`
    they are, or what says so when it is drawn."""
    drawn, last = 0.0, None
    for last in progress:
        if sys.stderr.isatty() and time.monotonic() - drawn > EVERY_SECONDS:
            drawn = time.monotonic()
            _draw(*last, what)
    if last is not None and sys.stderr.isatty():
        _draw(*last, what)
        print(file=sys.stderr)  # noqa: T201 - a terminal


def _draw(done: int, all_: int, what: str | Callable[[], str]) -> None:
    share = done / all_ if all_ else 1.0
    bar = "#" * int(share * WIDTH)
    what = what if isinstance(what, str) else what()
    print(f"\r[{bar:<{WIDTH}}] {share:4.0%} {done:,} of {all_:,} {what}", end="", flush=True, file=sys.stderr)  # noqa: T201
