"""The buffer's Redis with the shipped redis.conf, nearly full, at 5,000 events a second, quiet and during its saves:
how long a PING takes, how much memory it needs, how many operations it does: `python -m tests.bench redis_load`.

The consumer's part (appends) and the flusher's (reads and trims) are done by a process of their own, so that it is
Redis that is measured. Each save is asked for and lasts until Redis has finished it.
"""

import multiprocessing
import socket
import tempfile
import threading
import time
from argparse import ArgumentParser
from itertools import cycle, islice
from pathlib import Path
from statistics import quantiles
from typing import Any, NamedTuple

import redis as redis_client

from deploy.local.redis_process import RedisProcess, redis_process
from ingest.buffer.redis_stream import Buffer
from ingest.stream.frames import read_frames
from process.instants import now_us
from tests.bench import world

CONTAINER_MB = 3072  # the limit of a container whose Redis has the maxmemory of redis.conf, 2 GB
FRAMES = 200_000
APPENDED_AT_ONCE = 100  # 20 ms at 5,000 a second
FLUSHED_AT_ONCE = 25_000
PING_SECONDS = 0.002


class Phase(NamedTuple):
    """`pings`: milliseconds of each. `operations`: commands a second."""

    name: str
    seconds: float
    operations: float
    pings: list[float]


class Memory(threading.Thread):
    """The server's memory with that of its forks, as a container is charged with it, several times a second."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self.most, self._over = pid, 0.0, threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.1):
            self.most = max(self.most, megabytes(self._pid))

    def stop(self) -> None:
        self._over.set()
        self.join()


def megabytes(pid: int) -> float:
    """Its own pages, and those that its forks have copied."""
    forks = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return rollup(pid, "Rss") + sum(rollup(int(fork), "Private_Dirty") for fork in forks)


def rollup(pid: int, name: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # a fork that has ended
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


def fill(url: str, share: float) -> tuple[int, float]:
    """Up to this share of its memory; the number of events, and bytes of each in the stream."""
    buffer, frames = Buffer(url).connect(), cycle(world.frames(FRAMES))
    empty, count, filled = buffer.state().memory, 0, 0.0
    while filled < share:
        batch = read_frames(list(islice(frames, 5000)), None, "bench", now_us())
        filled = buffer.append(batch.events, batch.drops, batch.cursor)
        count += len(batch.events)
    size = (buffer.state().memory - empty) / count
    buffer.close()
    return count, size


def work(url: str, rate: float) -> None:
    """Appends `rate` events a second by the clock, and flushes as many in steps, until it is terminated."""
    consumer, flusher = Buffer(url).connect(), Buffer(url).connect()
    frames = cycle(world.frames(FRAMES))
    began, appended, flushed = time.monotonic(), 0, 0
    while True:
        batch = read_frames(list(islice(frames, APPENDED_AT_ONCE)), None, "bench", now_us())
        consumer.append(batch.events, batch.drops, batch.cursor)
        appended += APPENDED_AT_ONCE
        if appended - flushed >= FLUSHED_AT_ONCE:
            entries = flusher.read(None, flusher.newest_id() or b"+", FLUSHED_AT_ONCE, 10**9)
            flusher.trim(entries.ids[-1])
            flushed = appended
        time.sleep(max(0.0, began + appended / rate - time.monotonic()))


def phase(name: str, server: RedisProcess, client: Any, done: Any) -> Phase:
    """PINGs until it is done."""
    before, began, pings = client.info("stats")["total_commands_processed"], time.monotonic(), []
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(server.socket))
        while not done(time.monotonic() - began):
            asked = time.perf_counter()
            connection.sendall(b"PING\r\n")
            connection.recv(16)
            pings.append((time.perf_counter() - asked) * 1000)
            time.sleep(PING_SECONDS)
    seconds = time.monotonic() - began
    commands = client.info("stats")["total_commands_processed"] - before - len(pings)
    return Phase(name, seconds, commands / seconds, pings)


def phases(server: RedisProcess, seconds: float) -> list[Phase]:
    with redis_client.Redis.from_url(server.url) as client:
        quiet = phase("quiet", server, client, lambda passed: passed > seconds)
        client.bgsave()
        saving = phase("BGSAVE", server, client, during(client, "rdb_bgsave_in_progress"))
        client.bgrewriteaof()
        rewriting = phase("AOF rewrite", server, client, during(client, "aof_rewrite_in_progress"))
        status = client.info("persistence")
        assert status["rdb_last_bgsave_status"] == status["aof_last_bgrewrite_status"] == "ok", status
        assert client.info("stats")["evicted_keys"] == 0
    return [quiet, saving, rewriting]


def during(client: Any, name: str) -> Any:
    """Whether that save has ended; asked a few times a second only."""
    asked = [0.0, False]

    def done(passed: float) -> bool:
        if passed - asked[0] > 0.25:
            asked[:] = [passed, not client.info("persistence")[name]]
        return bool(asked[1])

    return done


def main(given: list[str]) -> None:
    parser = ArgumentParser(prog="python -m tests.bench redis_load")
    parser.add_argument("--rate", type=float, default=5_000, help="events a second")
    parser.add_argument("--seconds", type=float, default=30, help="of the quiet phase")
    parser.add_argument("--fill", type=float, default=0.75, help="share of maxmemory that is used before")
    options = parser.parse_args(given)
    with tempfile.TemporaryDirectory() as folder, redis_process(Path(folder)) as server:
        count, size = fill(server.url, options.fill)
        memory = Memory(server.child.pid)
        memory.start()
        worker = multiprocessing.get_context("spawn").Process(target=work, args=(server.url, options.rate))
        worker.start()
        time.sleep(5)
        found = phases(server, options.seconds)
        worker.terminate()
        worker.join()
        memory.stop()
    print(f"\nRedis with {count:,} events of {size:.0f} bytes, at {options.rate:,.0f} events/s\n")
    print(f"{'':12}{'seconds':>9}{'operations/s':>14}{'PING p50':>11}{'p99':>9}{'most':>9}  (ms)")
    for name, seconds, operations, pings in found:
        percentiles = quantiles(pings, n=100)
        shown = f"{percentiles[49]:11.2f}{percentiles[98]:9.2f}{max(pings):9.1f}"
        print(f"{name:12}{seconds:9.1f}{operations:14,.0f}{shown}")
    print(
        f"memory at most {memory.most:,.0f} MB, {memory.most / CONTAINER_MB:.0%} of a container's {CONTAINER_MB:,} MB"
    )


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
