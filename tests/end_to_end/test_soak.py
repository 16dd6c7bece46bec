"""A whole day of the network in one run, and memory that does not grow. How much: SOAK_EVENTS, SOAK_SECONDS."""

import os
import re
import threading
import time

import numpy as np
import pytest

from tests.end_to_end import census
from tests.end_to_end.stack import until

EVENTS = int(os.environ.get("SOAK_EVENTS", "8100000"))
SECONDS = int(os.environ.get("SOAK_SECONDS", "600"))
RATE = 5_000
DAY_SECONDS = 86_400
MEGABYTE = 1_000_000
LIMITS_MB = {"consume_jetstream": 300, "flush_buffer": 1_100}
GROWTH = 1.15  # and 50 MB: allocators keep some of what they were given


class Memory(threading.Thread):
    """Samples what each process has in memory, until it is told to stop."""

    def __init__(self, programs):
        super().__init__(daemon=True)
        self.samples = {program.name.rpartition("-")[0]: [] for program in programs}
        self._programs, self._over = programs, threading.Event()

    def run(self):
        while not self._over.wait(0.25):
            for program in self._programs:
                self.samples[program.name.rpartition("-")[0]].append(program.resident_bytes / MEGABYTE)

    def stop(self):
        self._over.set()
        self.join()

    def must_be_flat(self):
        for name, samples in self.samples.items():
            third = len(samples) // 3
            first, last = max(samples[:third]), max(samples[-third:])
            print(f"{name}: {first:.0f} MB at most in the first third, {last:.0f} MB in the last")
            assert last <= first * GROWTH + 50, f"{name} grows"
            assert last <= LIMITS_MB[name], f"{name} takes too much"


def soak(stack, count, *simulator_arguments):
    """So many events from socket to lake, compared with the log at the end; the memory on the way."""
    pipe = stack.folder / "log.pipe"
    os.mkfifo(pipe)
    log = census.LogReader(pipe)
    log.start()
    arguments = ("--port", "0", "--events", str(count), "--keep", "300000", "--dump", str(pipe), *simulator_arguments)
    simulator = stack.start("simulate_jetstream", *arguments)
    simulator.await_words("listening on ws")
    (url,) = re.findall(r"ws://\S+", simulator.text)
    consumer, flusher = stack.consumer(JETSTREAM_URLS=url), stack.flusher()
    memory = Memory([consumer, flusher])
    until(lambda: stack.lake.listed_rows() > 0, "the first rows", programs=[consumer, flusher])
    memory.start()
    began = time.monotonic()
    stack.await_rows(count, simulator, consumer, flusher, seconds=120 + count / 5_000)
    seconds = time.monotonic() - began
    memory.stop()
    for program in (consumer, flusher, simulator):
        program.stop_cleanly()
    log.join(60)
    assert len(log.hashes) == count, "the oracle has seen the whole log"
    assert stack.depth == 0
    census.must_be_equal(np.frombuffer(log.hashes, dtype=np.uint64), census.lake_hashes(stack.lake))
    stack.lake.must_be_tidy()
    files, size = stack.lake.ask("SELECT count(*), sum(bytes) FROM lake_datafile")[0]
    print(f"\n{count:,} events in {seconds:.0f} s, {count / seconds:,.0f} a second")
    print(f"{files} files, {size / count:.0f} B an event")
    return memory


@pytest.mark.slow
def test_a_whole_day(make_stack):
    stack = make_stack("ws://127.0.0.1:1/subscribe", maxmemory="1gb", FLUSH_INTERVAL_SECONDS="5")
    memory = soak(stack, EVENTS, "--per-second", str(EVENTS / DAY_SECONDS))
    memory.must_be_flat()
    ((hours,),) = stack.lake.ask("SELECT count(DISTINCT hour) FROM lake_datafile")
    assert hours >= 24


@pytest.mark.slow
def test_memory_is_flat(make_stack):
    stack = make_stack(
        "ws://127.0.0.1:1/subscribe", int(time.time() * 1e6), maxmemory="1gb", FLUSH_INTERVAL_SECONDS="5"
    )
    soak(stack, RATE * SECONDS, "--rate", str(RATE)).must_be_flat()
