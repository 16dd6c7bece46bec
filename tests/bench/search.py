"""Searches over months of posts, beside the same with DuckDB alone: `python -m tests.bench search --posts 10000000`.

Every answer is compared: pages with DuckDB's, totals with what the generator hid. `--cold` drops the lake's pages from
the cache before each query. `--others` also asks Polars and tantivy, in an environment of their own in var/bench.
"""

import math
import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.bench import months, search_others
from tests.bench.months import Months, made
from tests.bench.search_answers import Answer, Naive, count, page
from tests.bench.search_questions import Question, questions


class Times(NamedTuple):
    """Milliseconds of each run, and the megabytes that the runs read from the disk, each."""

    ms: list[float]
    megabytes: float

    @property
    def p50(self) -> float:
        return median(self.ms)

    @property
    def p95(self) -> float:
        return sorted(self.ms)[math.ceil(len(self.ms) * 0.95) - 1]


Run = Callable[[Question], Answer]


def timed(ask: Run, question: Question, runs: int, before: Callable[[], None]) -> tuple[Times, Answer]:
    """A first run that does not count, then so many."""
    answer, ms, disk = ask(question), [], 0
    for _ in range(runs):
        before()
        begun, started = _read_bytes(), time.perf_counter()
        answer = ask(question)
        ms.append((time.perf_counter() - started) * 1000)
        disk += _read_bytes() - begun
    return Times(ms, disk / runs / 1e6), answer


def _read_bytes() -> int:
    """What this process had read from the disk, not from the cache."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("read_bytes:"))


def forget(folder: Path) -> None:
    """Drops the pages of these files from the cache, of no others. They are on the disk already, so all can go."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def memory() -> float:
    """The most that this process has held so far, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


class Bench:
    def __init__(self, data: Months, runs: int, naive_runs: int, cold: bool) -> None:
        self._data, self._runs, self._naive_runs, self._cold = data, runs, naive_runs, cold
        self._naive = Naive(data)
        self.wrong: list[str] = []

    def pages(self) -> None:
        self._head("newest page of 50")
        for question in questions(self._data):
            times, answer = timed(page, question, self._runs, self._before)
            plain, other = self._plain(self._naive.page, question)
            self._compare(question, answer.uris, other.uris if other else None)
            self._line(question.name, times, plain, f"{len(answer.uris)} hits")

    def counts(self) -> None:
        self._head("exact count")
        for question in (question for question in questions(self._data) if question.hits is not None):
            times, answer = timed(count, question, self._runs, self._before)
            plain, other = self._plain(self._naive.count, question)
            self._compare(question, answer.total, question.hits)
            if other:
                self._compare(question, other.total, question.hits)
            self._line(question.name, times, plain, f"{answer.total:,}")

    def _plain(self, ask: Run, question: Question) -> tuple[Times | None, Answer | None]:
        return timed(ask, question, self._naive_runs, self._before) if self._naive_runs else (None, None)

    def _before(self) -> None:
        if self._cold:
            forget(self._data.folder)

    def _compare(self, question: Question, ours: object, wanted: object) -> None:
        if wanted is not None and ours != wanted:
            self.wrong.append(f"{question.name}: {ours} is not {wanted}")

    def _head(self, what: str) -> None:
        state = "cold" if self._cold else "warm"
        read = f"{'MB read':>10}" if self._cold else ""
        print(f"\n{what}, {self._data.posts:,} posts, {state}, ms")
        print(f"{'':26}{'p50':>10}{'p95':>10}{read}{'DuckDB':>10}{read}{'times':>8}  found")

    def _line(self, name: str, times: Times, plain: Times | None, found: str) -> None:
        def read(one: Times) -> str:
            return f"{one.megabytes:10.1f}" if self._cold else ""

        beside = f"{plain.p50:10,.0f}{read(plain)}{plain.p50 / times.p50:8,.1f}" if plain else f"{'':18}"
        print(f"{name:26}{times.p50:10,.1f}{times.p95:10,.1f}{read(times)}{beside}  {found}", flush=True)


def main(given: list[str]) -> None:
    parser = ArgumentParser("python -m tests.bench search", description=__doc__)
    months.arguments(parser)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--naive-runs", type=int, default=3, help="0: without DuckDB alone")
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--others", action="store_true")
    options = parser.parse_args(given)
    data = made(Months(options.posts, options.per_day))
    bench = Bench(data, options.runs, options.naive_runs, options.cold)
    bench.pages()
    bench.counts()
    print(f"this process, DuckDB alone included, held {memory():,.0f} MB at most")
    if options.others:
        search_others.show(data, questions(data))
    if bench.wrong:
        sys.exit("wrong answers:\n  " + "\n  ".join(bench.wrong))
