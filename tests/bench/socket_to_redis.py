"""From a Jetstream socket into Redis: our consumer beside a bare loop over the same stream, which keeps nothing.

The simulator runs in a process of its own. CPU is of this process alone, in all its threads: a busy machine stretches
seconds, but hardly CPU seconds.
"""

import asyncio
import json
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any, NamedTuple

from websockets.asyncio.client import connect

from deploy.local.redis_process import redis_process
from ingest.buffer.entries import Cursor, arrival_ms
from ingest.buffer.redis_stream import Buffer
from ingest.models import Connection
from ingest.simulator.log import timed
from ingest.simulator.server.jetstream import Options as Wire
from ingest.simulator.server.producer import Source
from ingest.simulator.server.server import running
from ingest.stream.connection_journal import ConnectionJournal
from ingest.stream.consumer import Consumer, Options
from process.instants import now_us
from tests.bench import world
from tests.builders import delete

EVENTS = 300_000
LATENCY_RATE = 5_000
LATENCY_SECONDS = 10
START = Cursor(world.START_US - 3_600_000_000)


class Cost(NamedTuple):
    name: str
    seconds: float
    cpu: float

    def figures(self, events: int) -> dict[str, float]:
        return {"per_second": events / self.seconds, "cpu_us": self.cpu / events * 1e6}


class NoJournal(ConnectionJournal):
    """Rows of connections are not what is measured, and there is no catalog here."""

    def save(self, row: Connection) -> None:
        pass


def recorded() -> Iterator[tuple[int, bytes]]:
    return timed(world.frames(EVENTS))


def _serve(pipe: Any, source: Source, rate: float) -> None:
    with running(source, options=Wire(port=0, rate=rate)) as server:
        pipe.send(server.url)
        pipe.recv()


@contextmanager
def jetstream(source: Source, rate: float = 0):
    """The URL of a simulator in another process."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, source, rate))
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
        while redis.depth() < count:  # noqa: ASYNC110 - Redis does not tell
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
    with jetstream(recorded) as url:
        asyncio.run(bare_loop(url, EVENTS))  # fills the simulator's log
        return [
            measured("bare loop", bare_loop(url, EVENTS)),
            measured("consumer", consume(url, redis_url, EVENTS)),
        ]


def stamped() -> Iterator[tuple[int, bytes]]:
    """Events that say when they came to be."""
    for number in range(LATENCY_RATE * LATENCY_SECONDS):
        time_us = now_us()
        yield time_us, delete(str(number), time_us=time_us)


def latencies(redis_url: str) -> list[float]:
    """Milliseconds from each event's birth in the simulator until Redis has it, at LATENCY_RATE a second."""
    with jetstream(stamped, LATENCY_RATE) as url, connected(redis_url) as redis:
        asyncio.run(consume(url, redis_url, LATENCY_RATE * LATENCY_SECONDS))
        newest = redis.newest_id()
        assert newest is not None
        entries = redis.read(None, newest, 10**9, 10**12)
    births = (json.loads(frame)["time_us"] / 1000 for frame in entries.frames)
    return [arrival_ms(id_) - birth for id_, birth in zip(entries.ids, births, strict=True)]


def main() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, redis_process(Path(folder), maxmemory="1gb") as redis:
        costs = throughput(redis.url)
    with tempfile.TemporaryDirectory() as folder, redis_process(Path(folder), maxmemory="1gb") as redis:
        percentiles = quantiles(latencies(redis.url), n=1000)
    late = {name: percentiles[at - 1] for name, at in (("p50", 500), ("p99", 990), ("p99.9", 999))}
    print(f"\nsocket to Redis, {EVENTS:,} events\n{'':12}{'events/s':>12}{'CPU us/event':>14}")
    for cost in costs:
        figures = cost.figures(EVENTS)
        print(f"{cost.name:12}{figures['per_second']:12,.0f}{figures['cpu_us']:14.1f}")
    shown = ", ".join(f"{name} {ms:.0f} ms" for name, ms in late.items())
    print(f"server to Redis at {LATENCY_RATE:,} events/s: {shown}")
    return {**{cost.name: cost.figures(EVENTS) for cost in costs}, "latency_ms": late}


if __name__ == "__main__":
    main()
