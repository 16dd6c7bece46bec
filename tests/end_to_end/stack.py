"""The service as an operator runs it: real processes on a folder of their own, each to be stopped or killed at will."""

import os
import random
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import redis as redis_client

from deploy.local.child import ROOT, Child
from deploy.local.redis_process import RedisProcess
from tests.end_to_end.evidence import Lake

PATIENCE_SECONDS = 60.0  # a gate that is not reached by then never will be; other tests share the machine
STOP_SECONDS = 10.0  # what each process promises
ABSENT = ("pandas", "rich")  # only development has them; pyarrow and structlog load them, which takes as long as Django


def until(
    done: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS, programs: Sequence["Program"] = ()
) -> None:
    """Returns as soon as it is so; fails when one of the programs ends before that. `what` was waited for."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        for program in programs:
            assert program.alive or done(), f"{program.name} ended with {program.exit_code}:\n{program.text}"
        time.sleep(0.02)


class Program(Child):
    """One run of a management command; its log is of this run only."""

    @property
    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def says(self, words: str) -> bool:
        return words in self.text

    def await_words(self, words: str, seconds: float = PATIENCE_SECONDS) -> None:
        until(lambda: self.says(words) or not self.alive, f"{self.name} says {words!r}", seconds)
        assert self.says(words), f"{self.name} ended with {self.exit_code}:\n{self.text}"

    def await_end(self, seconds: float = PATIENCE_SECONDS) -> int:
        until(lambda: not self.alive, f"{self.name} ends\n{self.text}", seconds)
        assert self.exit_code is not None
        return self.exit_code

    def stop_cleanly(self) -> None:
        """SIGTERM: must end within the promised time, with exit code 0 and without a traceback."""
        assert self.alive, f"{self.name} had ended with {self.exit_code}:\n{self.text}"
        assert self.stop(STOP_SECONDS), f"{self.name} did not stop within {STOP_SECONDS:g} s:\n{self.text}"
        assert self.exit_code == 0, f"{self.name} ended with {self.exit_code}:\n{self.text}"
        assert not self.says("Traceback"), self.text
        assert not self.says("leaked"), self.text

    def kill_at_work(self) -> None:
        """SIGKILL, and the proof that it was alive until then."""
        assert self.alive, f"{self.name} had ended with {self.exit_code}:\n{self.text}"
        self.kill()
        assert self.exit_code == -9

    @property
    def resident_bytes(self) -> int:
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


class Stack:
    """`url`: of the Jetstream, or several with commas between. `start_us`: the Checkpoint that an earlier run has left.

    What is passed as `variables` is in the environment of every process that is started."""

    def __init__(self, folder: Path, template: Path, url: str, start_us: int | None = None, **variables: str) -> None:
        self.folder, self.root, self.database = folder, folder / "lake", folder / "catalog.sqlite3"
        settings = {name: variables.pop(name) for name in list(variables) if name.islower()}
        self.redis = RedisProcess(folder / "redis", **{"maxmemory": "256mb", **settings})
        self.lake = Lake(self.root, self.database)
        self._programs: list[Program] = []
        self._variables = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(folder / "absent"),
            "DJANGO_DEBUG": "true",
            "DATABASE_PATH": str(self.database),
            "LAKE_ROOT": str(self.root),
            "REDIS_URL": self.redis.url,
            "JETSTREAM_URLS": url,
            "METRICS_PORT_CONSUMER": "0",
            "METRICS_PORT_FLUSHER": "0",
            "METRICS_PORT_COMPACTOR": "0",
            "FLUSH_INTERVAL_SECONDS": "0.3",
            "LOG_FORMAT": "text",
            **variables,
        }
        (folder / "absent").mkdir(parents=True)
        for module in ABSENT:
            (folder / "absent" / f"{module}.py").write_text("raise ImportError")
        shutil.copyfile(template, self.database)
        if start_us is not None:
            self.set_checkpoint(start_us)

    def set_checkpoint(self, time_us: int) -> None:
        with closing(sqlite3.connect(self.database, timeout=30)) as database, database:
            database.execute("DELETE FROM ingest_checkpoint")
            database.execute(
                "INSERT INTO ingest_checkpoint (id, time_us, host, seq, saved_at) VALUES (1, ?, '', NULL, ?)",
                (time_us, "2026-07-01 00:00:00"),
            )

    def start(self, command: str, *arguments: str, prefix: tuple[str, ...] = (), **variables: str) -> Program:
        """Starts `manage.py <command>`; `prefix`: a program that changes something about the process and execs."""
        return self.run([*prefix, sys.executable, str(ROOT / "manage.py"), command, *arguments], command, **variables)

    def run(self, line: list[str], name: str, **variables: str) -> Program:
        """Starts any program in the stack's environment."""
        name = f"{name}-{len(self._programs) + 1}"
        program = Program(name, line, self._variables | variables, self.folder / "logs" / f"{name}.log")
        self._programs.append(program)
        program.start()
        return program

    def consumer(self, **variables: str) -> Program:
        return self.start("consume_jetstream", prefix=(), **variables)

    def flusher(self, *arguments: str, **variables: str) -> Program:
        return self.start("flush_buffer", *arguments, prefix=(), **variables)

    def compactor(self, *arguments: str, **variables: str) -> Program:
        return self.start("compact_lake", *arguments, prefix=(), **variables)

    def ask_for_compaction(self) -> None:
        """As an administrator does: all that is due, the daily pass included."""
        with closing(sqlite3.connect(self.database, timeout=30)) as database, database:
            database.execute(
                "INSERT INTO lake_request (kind, arguments, asked_at, state, result) "
                "VALUES ('compact', '{}', '2026-07-01 00:00:00', 'waiting', '')"
            )

    def flush_once(self) -> Program:
        """Empties the buffer into the lake."""
        program = self.flusher("--once")
        assert program.await_end() == 0, program.text
        return program

    def client(self) -> redis_client.Redis:
        """To look, or to reach, behind the service's back; close it."""
        return redis_client.Redis.from_url(self.redis.url)

    def ask(self, question: Callable[[redis_client.Redis], int]) -> int:
        with closing(self.client()) as client:
            return question(client)

    @property
    def depth(self) -> int:
        return self.ask(lambda client: int(client.xlen("buffer")))

    def await_depth(self, at_least: int) -> None:
        until(lambda: self.depth >= at_least, f"{at_least} events in the buffer")

    def await_rows(self, count: int, *programs: Program, seconds: float = PATIENCE_SECONDS) -> None:
        """Waits until the catalog lists so many rows, as long as these programs run."""
        until(lambda: self.lake.listed_rows() >= count, f"{count} rows are listed", seconds, programs)

    def settle(self, frames: list[bytes], consumer: Program, flusher: Program, seconds: float = 120) -> None:
        """All events arrive, both processes stop, repeats in the buffer fold: then the lake equals the log."""
        self.await_rows(len(frames), consumer, flusher, seconds=seconds)
        consumer.stop_cleanly()
        flusher.stop_cleanly()
        if self.depth:
            self.flush_once()
        assert self.depth == 0
        self.lake.must_equal(frames)

    def end(self) -> None:
        for program in self._programs:
            program.kill()
        self.redis.kill()


def some_seconds(random_: random.Random, longest: float) -> None:
    """Lets the others work for a while: the moment of a fault, never a gate."""
    time.sleep(random_.uniform(0, longest))
