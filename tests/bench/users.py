"""Many readers at once, mixed searches: `python -m tests.bench users --users 20 --seconds 60`."""

import json
import random
import sys
import threading
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from statistics import quantiles
from urllib.parse import urlencode

from ingest.simulator.world.vocabulary import words
from tests.bench import months
from tests.bench.months import START, Months, made
from tests.bench.months_needles import AUTHOR, JAPANESE, PART, PHRASE, WORD
from tests.bench.web import Web, serving, watched

THINKING = 0.2  # seconds between an answer and the next question: nobody reads so fast


class Reader(threading.Thread):
    """Asks until the end; holds milliseconds and status of each answer, by kind of search."""

    def __init__(self, web: Web, data: Months, seed: int, end: float) -> None:
        super().__init__(daemon=True)
        self._web, self._end = web, end
        self._random = random.Random(seed)
        self._days = max(1, data.posts // data.per_day)
        self.answers: list[tuple[str, int, float]] = []

    def run(self) -> None:
        for kind, query in self._questions():
            if time.monotonic() > self._end:
                break
            token = self._ask(kind, query)
            if token and self._random.random() < 0.3:
                self._ask("next page", query | {"token": token})
            time.sleep(THINKING)

    def _ask(self, kind: str, query: dict[str, str]) -> str | None:
        started = time.monotonic()
        try:
            status, body = self._web.get(f"/search?{urlencode(query)}")
        except OSError:
            status, body = 0, b"{}"
        self.answers.append((kind, status, (time.monotonic() - started) * 1000))
        return json.loads(body)["meta"]["next"] if status == 200 else None

    def _questions(self) -> Iterator[tuple[str, dict[str, str]]]:
        while True:
            common, known, rare = (self._word(300 * 10**place) for place in range(3))
            day = f"{START:%Y-%m}-{1 + self._random.randrange(min(self._days, 28)):02d}"
            yield self._random.choice(
                [
                    ("common word", {"text": common}),
                    ("known word", {"text": known}),
                    ("rare word", {"text": rare}),
                    ("two words", {"text": f"{common} {known}"}),
                    ("needle", {"text": self._random.choice((WORD, PART, PHRASE, JAPANESE)).query}),
                    ("one author", {"username": AUTHOR}),
                    ("word on a day", {"text": known, "start": day, "end": day}),
                    ("newest", {}),
                ]
            )

    def _word(self, rank: int) -> str:
        return words(self._random.choice((0, 0, 0, 2, 3, 4, 5)))[self._random.randrange(min(rank, 20_000))]


def main(given: list[str]) -> None:
    parser = ArgumentParser("python -m tests.bench users", description=__doc__)
    months.arguments(parser)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args(given)
    data = made(Months(options.posts, options.per_day))
    with serving(data) as web, watched(web) as memory:
        end = time.monotonic() + options.seconds
        readers = [Reader(web, data, seed, end) for seed in range(options.users)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
    show([answer for reader in readers for answer in reader.answers], options, data)
    print(f"the server held {memory[0].begin:,.0f} MB before, {memory[0].most:,.0f} MB at most")


def show(answers: list[tuple[str, int, float]], options, data: Months) -> None:
    refused = Counter(status for _, status, _ in answers if status != 200)
    print(f"\n{options.users} readers for {options.seconds:.0f} s, {data.posts:,} posts: {len(answers):,} searches, "
          f"{len(answers) / options.seconds:.1f} a second; not 200: {dict(refused) or 'none'}")  # fmt: skip
    print(f"{'':16}{'searches':>10}{'p50, ms':>10}{'p95, ms':>10}")
    kinds = sorted({kind for kind, _, _ in answers})
    for name in [*kinds, "all"]:
        times = [ms for kind, status, ms in answers if status == 200 and name in (kind, "all")]
        if len(times) > 1:
            cuts = quantiles(times, n=100)
            print(f"{name:16}{len(times):10,}{cuts[49]:10,.0f}{cuts[94]:10,.0f}")
    if not answers:
        sys.exit("No search was answered.")
