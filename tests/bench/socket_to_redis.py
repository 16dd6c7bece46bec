"""From a Jetstream socket into Redis: our consumer beside a bare loop over the same stream, which keeps nothing.

The simulator runs in a process of its own. CPU is of this process alone, in all its threads: a busy machine stretches
seconds, but hardly CPU seconds.
"""

import asyncio
import multiprocessing
import tempfile
import time
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import quantiles
from typing import Any, NamedTuple

from websockets.asyncio.client import connect

from deploy.local.redis_process import redis_process
from ingest.buffer import Buffer, Cursor
from ingest.connections import Journal
from ingest.consumer import Consumer, Options
from ingest.process import now_us
from ingest.simulator.jetstream import Options as Wire
from ingest.simulator.server import running
from tests.bench import world

EVENTS = 200_000
LATENCY_RATE = 5_000
LATENCY_SECONDS = 10
START = Cursor(world.START_US - 3_600_000_000)


class Cost(NamedTuple):
    name: str
    seconds: float
    cpu: float

    def figures(self, events: int) -> dict[str, float]:
        return {"per_second": events / self.seconds, "cpu_us": self.cpu / events * 1e6}


class NoJournal(Journal):
    """Rows of connections are not what is measured, and there is no catalog here."""

    def _save_soon(self) -> None:
        pass


def _serve(pipe: Any, count: int, rate: float) -> None:
    with running(world.frames(count), options=Wire(port=0, rate=rate)) as server:
        pipe.send(server.url)
        pipe.recv()


@contextmanager
def jetstream(count: int, rate: float = 0):
    """A simulator in another process, all of whose events are in its log after the first reader; its URL."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, count, rate))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("end")
        process.join()


async def bare_loop(url: str, count: int) -> None:
    async with connect(f"{url}?cursor={START.time_us}", compression=None) as socket:
        async for _ in socket:
            count -= 1
            if not count:
                return


async def consume(url: str, redis_url: str, count: int) -> None:
    """Our consumer, until Redis holds so many events."""
    consumer = Consumer(Buffer(redis_url), NoJournal(), Options([url], (), 0.95, lambda: START))
    work = asyncio.create_task(consumer.run())
    with connected(redis_url) as redis:
        while redis.depth() < count:
            await asyncio.sleep(0.05)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


@contextmanager
def connected(redis_url: str):
    buffer = Buffer(redis_url).connect()
    try:
        yield buffer
    finally:
        buffer.close()


def measured(name: str, work: Any) -> Cost:
    wall, cpu = time.monotonic(), time.process_time()
    asyncio.run(work)
    return Cost(name, time.monotonic() - wall, time.process_time() - cpu)


def throughput(redis_url: str) -> list[Cost]:
    with jetstream(EVENTS) as url:
        asyncio.run(bare_loop(url, EVENTS))  # fills the simulator's log
        return [
            measured("bare loop", bare_loop(url, EVENTS)),
            measured("consumer", consume(url, redis_url, EVENTS)),
        ]


def latencies(redis_url: str) -> list[float]:
    """Milliseconds from an event's entry into the simulator's log to its entry in Redis, at LATENCY_RATE a second, with
    what is left of the first second out: from the arrival times of the entries."""
    raise NotImplementedError


def main() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, redis_process(Path(folder), maxmemory="1gb") as redis:
        costs = throughput(redis.url)
    print(f"\nsocket to Redis, {EVENTS:,} events\n{'':12}{'events/s':>12}{'CPU us/event':>14}")
    for cost in costs:
        figures = cost.figures(EVENTS)
        print(f"{cost.name:12}{figures['per_second']:12,.0f}{figures['cpu_us']:14.1f}")
    return {cost.name: cost.figures(EVENTS) for cost in costs}


if __name__ == "__main__":
    main()
