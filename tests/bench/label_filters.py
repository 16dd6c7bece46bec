"""Searches by label beside the same without, over the lake of `python -m tests.bench labels`: CPU seconds and p95."""

import time
from collections.abc import Callable
from functools import partial
from resource import RUSAGE_SELF, getrusage
from statistics import median
from typing import NamedTuple

from lake.query.parser import parse
from lake.query.spec import Search
from lake.scan.snapshot import pin_snapshot
from lake.search.reader import Reader
from lake.storage.duckdb_engine import Engine
from tests.bench.months import Months

# A search, the same with a filter, and what the filter lets through. Every tenth post has a score.
PAIRS = (
    ("", "label:toxic>=0.7"),
    ("", "label:toxic>=0.99"),
    ("", "-label:toxic"),
    ("time", "time label:toxic>=0.7"),
    ("time", "time label:toxic>=0.99"),
    ("time OR lake", "(time OR label:toxic>=0.99) (lake OR -label:toxic)"),
    ("", "label:nobody-has-it"),
)


class Took(NamedTuple):
    """Of some runs: the seconds of the one before them, which nothing is known for, their median and 95th percentile,
    and the median of CPU seconds."""

    first: float
    seconds: float
    p95: float
    cpu: float
    found: int


def show(data: Months, runs: int) -> None:
    reader = Reader(Engine("1GB", 2, fence=data.lake), data.lake)
    for name, ask in (("newest page of 50", _page), ("exact count", _count)):
        print(f"\n{name}, {data.posts:,} posts, seconds: first, median, p95, of CPU")
        for pair in PAIRS:
            one, other = (_timed(partial(ask, reader, text), runs) for text in pair)
            times = other.cpu / max(one.cpu, 0.001)
            print(f"{pair[0]:14}{_line(one)}   {pair[1]:52}{_line(other)}   {times:5.1f} times", flush=True)


def _line(took: Took) -> str:
    return f"{took.first:8.3f}{took.seconds:8.3f}{took.p95:8.3f}{took.cpu:8.3f} {took.found:10,}"


def _search(text: str) -> Search:
    return pin_snapshot(Search(parse(text), timeout=120))


def _page(reader: Reader, text: str) -> int:
    reader._pages._entries.clear()
    return len(reader.find(_search(text)).hits)


def _count(reader: Reader, text: str) -> int:
    return reader.full_scan.count(_search(text), 120)[0]


def _timed(ask: Callable[[], int], runs: int) -> Took:
    seconds, cpu, found = [], [], 0
    for _ in range(runs + 1):
        begun, used = time.perf_counter(), _cpu()
        found = ask()
        seconds.append(time.perf_counter() - begun)
        cpu.append(_cpu() - used)
    first, *later = seconds
    return Took(first, median(later), sorted(later)[int(len(later) * 0.95)], median(cpu[1:]), found)


def _cpu() -> float:
    used = getrusage(RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
