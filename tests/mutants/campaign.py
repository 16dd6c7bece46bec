"""All mutants, some at a time: first the tests without a mutant, then each mutant with its test."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypeVar

from tests.mutants.mutant import Mutant
from tests.mutants.tree import make_copy, mutated
from tests.mutants.trial import Copy, Outcome, Verdict

PATIENCE = 600.0  # seconds that the tests of a file may take without a mutant
SLOWER = 5  # times as long, and a minute more, a test with one is waited for

Told = Callable[[str], None]
T = TypeVar("T")
R = TypeVar("R")


class Tried(NamedTuple):
    mutant: Mutant
    outcome: Outcome


class Campaign:
    """`jobs`: copies of the project at `root`, each with one test at a time. `tell`: gets a line for each run."""

    def __init__(self, root: Path, jobs: int, tell: Told = print) -> None:
        self._root, self._jobs, self._tell = root, jobs, tell
        self._copies: SimpleQueue[Copy] = SimpleQueue()

    def run(self, mutants: Sequence[Mutant]) -> list[Tried]:
        """In the order of the mutants."""
        with TemporaryDirectory(prefix="mutants-", ignore_cleanup_errors=True) as folder:
            for copy in self._each(lambda n: make_copy(self._root, Path(folder) / str(n)), range(self._jobs)):
                self._copies.put(copy)
            tests = sorted({mutant.test for mutant in mutants})
            files = [list(group) for _, group in groupby(tests, lambda test: test.partition("::")[0])]
            sound = {test: one for tested in self._each(self._unmutated, files) for test, one in tested.items()}
            return list(self._each(lambda mutant: self._tried(mutant, sound), mutants))

    def _each(self, work: Callable[[T], R], items: Iterable[T]) -> list[R]:
        with ThreadPoolExecutor(self._jobs) as threads:
            return list(threads.map(work, items))

    @contextmanager
    def _copy(self) -> Iterator[Copy]:
        copy = self._copies.get()
        try:
            yield copy
        finally:
            self._copies.put(copy)

    def _unmutated(self, tests: Sequence[str]) -> dict[str, Outcome]:
        """Of tests of one file: together, and if they don't pass, one by one."""
        with self._copy() as copy:
            outcome = copy.run(tests, PATIENCE)
        passes = outcome.verdict is Verdict.SURVIVED
        names = tests[0].partition("::")[0] if passes else ", ".join(tests)
        self._tell(f"{'passes' if passes else 'FAILS':<9}{outcome.seconds:6.1f} s  {names}")
        if passes or len(tests) == 1:
            return dict.fromkeys(tests, outcome)
        return {name: one for test in tests for name, one in self._unmutated([test]).items()}

    def _tried(self, mutant: Mutant, sound: Mapping[str, Outcome]) -> Tried:
        before = sound[mutant.test]
        if before.verdict is not Verdict.SURVIVED:
            return Tried(mutant, Outcome(Verdict.BROKEN, f"its test fails without it: {before.why}", before.seconds))
        with self._copy() as copy, mutated(copy, mutant):
            outcome = copy.run([mutant.test], 60 + SLOWER * before.seconds)
        why = "" if outcome.verdict is Verdict.KILLED else f": {outcome.why}"
        self._tell(f"{outcome.verdict:<9}{outcome.seconds:6.1f} s  {mutant.name}{why}")
        return Tried(mutant, outcome)
