"""A simulated Jetstream with a spike, in a process of its own: `python -m tests.load.running.firehose --help`.

Beside the world of `manage.py simulate_jetstream` a second one speaks during the spike. Both end after their numbers of
events; then it serves on until SIGTERM, so that whoever was away can catch up. Each frame is a line of `--dump`; the
file beside it that ends in .late says how late the newest one was made, as the firehose shares its machine with others.
"""

import asyncio
import os
import signal
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "explorer.settings")

from ingest.simulator.server.appview import SimulatedAppView
from ingest.simulator.server.jetstream import Options, SimulatedJetstream
from ingest.simulator.world.world import World
from process.instants import now_us

LAG_US = 10_000  # the most that a world's event comes after its turn: none is ahead of the clock
STEP_SECONDS = 0.01
PACE_SECONDS = 0.5
KEPT_SECONDS = 600  # of the usual rate, in memory for those who resume


class Firehose:
    """`source` is called with the first subscriber: then the run begins."""

    def __init__(self, given: Namespace) -> None:
        self._given, self.appview = given, SimulatedAppView()
        self.begun = asyncio.Event()
        self._more: Iterator[tuple[int, bytes]] = iter(())
        self._newest_us: dict[int, int] = {}  # by seed, of the worlds that still speak

    def source(self) -> Iterator[tuple[int, bytes]]:
        given, start_us = self._given, now_us() - LAG_US
        if given.spike_events:
            at_us = start_us + int(given.spike_at * 1e6)
            second = World(given.seed + 1, at_us, given.spike_events / given.spike_seconds)
            self._more = self._noted(given.seed + 1, islice(second, given.spike_events))
        self.begun.set()
        return self._noted(given.seed, islice(self.appview.of(World(given.seed, start_us, given.rate)), given.events))

    def _noted(self, seed: int, events: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
        for event in events:
            self._newest_us[seed] = event[0]
            yield event
        self._newest_us.pop(seed, None)

    @property
    def late_seconds(self) -> float:
        newest_us = min(self._newest_us.values(), default=now_us())
        return max(0.0, (now_us() - newest_us - LAG_US) / 1e6)

    async def spike(self, server: SimulatedJetstream) -> None:
        """As many events as are due, until all of the spike are there."""
        await self.begun.wait()
        await asyncio.sleep(self._given.spike_at)
        print("the spike begins", flush=True)
        clock = asyncio.get_running_loop().time
        began, made = clock(), 0
        while made < self._given.spike_events:
            share = min(1.0, (clock() - began) / self._given.spike_seconds)
            due = int(self._given.spike_events * share) - made
            server.producer.publish(islice(self._more, due))
            made += due
            await asyncio.sleep(STEP_SECONDS)
        next(self._more, None)  # its end: else the firehose counts as late from now on
        print("the spike has ended", flush=True)


async def serve(given: Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    firehose = Firehose(given)
    options = Options(port=given.port, rate=given.rate, keep=int(given.rate * KEPT_SECONDS), dump=given.dump)
    server = SimulatedJetstream(firehose.source, options, report=say, answer=firehose.appview.answer)
    async with server:
        say(f"listening on {server.url}")
        work = (firehose.spike(server), tell_pace(firehose, given.dump), tell_the_end(server, given))
        tasks = [asyncio.create_task(one) for one in work]
        await stop.wait()
        for task in tasks:
            task.cancel()


async def tell_pace(firehose: Firehose, dump: Path) -> None:
    while True:
        write_whole(dump.with_suffix(".late"), f"{firehose.late_seconds:.3f}")
        await asyncio.sleep(PACE_SECONDS)


def write_whole(path: Path, text: str) -> None:
    """A reader sees it before or after."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text)
    temporary.rename(path)


async def tell_the_end(server: SimulatedJetstream, given: Namespace) -> None:
    """Writes the number of events beside the dump, once all of them are there."""
    while server.log.end < given.events + given.spike_events:  # noqa: ASYNC110 - the log grows in many places
        await asyncio.sleep(0.2)
    server.log.flush()
    write_whole(given.dump.with_suffix(".end"), str(server.log.end))
    say(f"all {server.log.end:,} events are made")


def say(line: str) -> None:
    print(line, flush=True)


def arguments() -> ArgumentParser:
    parser = ArgumentParser("python -m tests.load.running.firehose", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, required=True, help="events a second")
    parser.add_argument("--events", type=int, required=True, help="how many at this rate")
    parser.add_argument("--spike-events", type=int, default=0, help="how many in addition")
    parser.add_argument("--spike-at", type=float, default=0, help="seconds after the first event")
    parser.add_argument("--spike-seconds", type=float, default=60)
    parser.add_argument("--dump", type=Path, required=True, help="a file for the frames")
    return parser


if __name__ == "__main__":
    asyncio.run(serve(arguments().parse_args()))
