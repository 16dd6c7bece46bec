"""The service under test: its real processes on the compressed clock, killed and started at will; what they take."""

import os
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from deploy.local.child import ROOT
from deploy.local.environment import free_port
from tests.end_to_end.stack import Program, Stack, until
from tests.weeks.board import Board
from tests.weeks.firehose import Plan

FLUSHES_A_DAY = 288  # every five minutes
LEAST_EVENTS_A_FLUSH = 20_000
PATIENCE_SECONDS = 7_200.0  # a day of 8.1 million events on a busy machine
WEB = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "deploy" / "gunicorn.conf.py")]
MEGABYTE = 1_000_000
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Usage(NamedTuple):
    """Of a process and its descendants. `cpu`: seconds."""

    cpu: float
    megabytes: float


def usage(pid: int) -> Usage:
    """Zero once it has ended."""
    cpu, resident = 0.0, 0
    for one in _family(pid):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        cpu += (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND
        resident += int(fields[21]) * PAGE_BYTES
    return Usage(cpu, resident / MEGABYTE)


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in _family(int(child)))]


def retention(plan: Plan) -> dict[str, int]:
    """Days by dataset: some rows of each run leave the lake, of any that has two days."""
    return {"likes": max(1, plan.days * 4 // 7), "records": max(1, plan.days * 3 // 7)}


def migrated(folder: Path) -> Path:
    """A new catalog."""
    path = folder / "new.sqlite3"
    variables = {**os.environ, "DJANGO_DEBUG": "true", "DATABASE_PATH": str(path), "LD_PRELOAD": ""}
    command = [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"]
    subprocess.run(command, check=True, capture_output=True, env=variables)
    return path


class Service:
    """`plan`: of the events. What is `folder`'s: the stack in `stack`, the log of the firehose in `log`."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder, self.plan, self.board = folder, plan, Board(folder)
        self.board.now_us = plan.start_us
        self.clocked = self.board.variables()
        os.environ.update(self.clocked)  # Redis has the environment of this process
        self.port = free_port()
        flush = max(LEAST_EVENTS_A_FLUSH, plan.events // plan.days // FLUSHES_A_DAY)
        self.stack = Stack(
            folder / "stack",
            migrated(folder),
            "ws://127.0.0.1:1/subscribe",
            plan.start_us - 60_000_000,
            maxmemory="1gb",
            appendfsync="no",  # each second of the compressed clock would be hundreds of times a second
            save="",  # a snapshot is due each hour, which would be each minute
            jemalloc_bg_thread="no",  # waits, by the machine's clock, for a time of the compressed one: it spins
            FLUSH_INTERVAL_SECONDS="2",
            FLUSH_MAX_EVENTS=str(flush),
            RETENTION_DAYS=",".join(f"{name}:{days}" for name, days in retention(plan).items()),
            WEB_PORT=str(self.port),
            GUNICORN_CMD_ARGS=f"--bind=127.0.0.1:{self.port}",
            **self.clocked,
        )
        self._programs: dict[str, Program] = {}
        self._cpu_before: defaultdict[str, float] = defaultdict(float)  # of runs that were killed

    def start(self) -> None:
        self.stack.redis.start()
        firehose = self.stack.run(self.plan.command(self.folder), "firehose", LD_PRELOAD="")
        firehose.await_words("listening on ")
        self._programs["firehose"] = firehose
        self._url = firehose.text.split("listening on ")[1].split()[0]
        for name in ("consumer", "flusher", "compactor", "web"):
            self._launch(name)
        self._programs["web"].await_words("Listening at")

    def _launch(self, name: str) -> None:
        starters = {
            "consumer": lambda: self.stack.consumer(JETSTREAM_URLS=self._url),
            "flusher": self.stack.flusher,
            "compactor": self.stack.compactor,
            "web": lambda: self.stack.run(WEB, "web"),
        }
        self._programs[name] = starters[name]()

    def kill(self, name: str) -> None:
        """SIGKILL, and the next start at once, as `make run` and compose do it."""
        self._cpu_before[name] += usage(self._pids()[name]).cpu
        if name == "redis":
            self.stack.redis.kill()
            self.stack.redis.start()
        else:
            self._programs[name].kill_at_work()
            self._launch(name)

    def usages(self) -> dict[str, Usage]:
        """Of each process, the CPU of its killed runs included."""
        now = {name: usage(pid) for name, pid in self._pids().items()}
        return {name: one._replace(cpu=one.cpu + self._cpu_before[name]) for name, one in now.items()}

    def _pids(self) -> dict[str, int]:
        return {name: program.pid for name, program in self._programs.items()} | {"redis": self.stack.redis.child.pid}

    def must_run(self) -> None:
        for name, program in self._programs.items():
            assert program.alive, f"{name} ended with {program.exit_code}:\n{program.text[-3000:]}"

    def flushed(self) -> int:
        """Events that the lake has, each once."""
        sql = "SELECT coalesce(sum(events - duplicates), 0) FROM lake_batchrun WHERE state = 'committed'"
        return int(self.stack.lake.ask(sql)[0][0])

    def compact(self) -> float:
        """All that is due, the daily pass included, by the running compactor; seconds that it took."""
        began = time.monotonic()
        self.stack.ask_for_compaction()
        until(self._compacted, "the compactor has done what was asked for", PATIENCE_SECONDS)
        return time.monotonic() - began

    def _compacted(self) -> bool:
        self.must_run()
        (last,) = self.stack.lake.ask("SELECT state, result FROM lake_request ORDER BY id DESC LIMIT 1")
        assert last[0] != "failed", last[1]
        return bool(last[0] == "done")

    def command(self, *arguments: str, **variables: str) -> float:
        """Runs a management command, which must succeed; seconds that it took."""
        began = time.monotonic()
        code, text = self.ran(*arguments, **variables)
        assert code == 0, text
        return time.monotonic() - began

    def ran(self, *arguments: str, **variables: str) -> tuple[int, str]:
        """Exit code of a management command, and the end of what it said."""
        program = self.stack.start(*arguments, prefix=(), **variables)
        return program.await_end(PATIENCE_SECONDS), program.text[-2000:]

    def stop(self, *names: str) -> None:
        for name in names:
            self._programs.pop(name).stop_cleanly()

    def end(self) -> None:
        self.stack.end()
