"""Faults of a real stack, and the messages about them: each comes within a minute, with its runbook, and another when
the fault is over."""

import os
import random
import shutil
import signal
import time
from itertools import islice

import pytest

from ingest.simulator.world.world import World
from process.instants import now_us
from tests.end_to_end.monitored import SOON_SECONDS
from tests.end_to_end.stack import until
from tests.end_to_end.stream import frames_of

pytestmark = pytest.mark.slow
WINDOW_SECONDS = 120  # of WebErrors: so long an error counts


def test_killed_and_stopped_processes(make_running):
    service = make_running()
    tell = service.monitored.must_tell
    tell("CertificateExpires")
    began = time.monotonic()
    for name in ("consumer", "web"):
        service.processes[name].kill_at_work()
    tell("ProcessDown", since=began, process="consumer")
    tell("ProcessDown", since=began, process="web")
    assert not service.monitored.webhook.told("NothingReceived", "firing"), "a victim is not told beside its cause"
    began = time.monotonic()
    for name in ("consumer", "web"):
        service.processes[name].start()
    tell("ProcessDown", "resolved", since=began, process="consumer")
    tell("ProcessDown", "resolved", since=began, process="web")
    began = time.monotonic()
    os.killpg(service.processes["handles"].pid, signal.SIGSTOP)
    tell("HeartbeatLate", since=began, process="handles")
    os.killpg(service.processes["handles"].pid, signal.SIGCONT)
    tell("HeartbeatLate", "resolved", process="handles")


def test_a_stopped_flusher_and_a_full_redis(make_running):
    service = make_running()
    tell = service.monitored.must_tell
    began = time.monotonic()
    os.killpg(service.processes["flusher"].pid, signal.SIGSTOP)
    tell("ProcessDown", since=began, process="flusher")
    service.source.finish()
    service.jetstream.publish(*more_than_fits())
    tell("BufferFull")
    assert not service.monitored.webhook.told("NothingReceived", "firing"), "a victim is not told beside its cause"
    os.killpg(service.processes["flusher"].pid, signal.SIGCONT)
    began = time.monotonic()
    tell("ProcessDown", "resolved", since=began, process="flusher")
    tell("BufferFull", "resolved", since=began)


def more_than_fits():
    """Into 64 MB. At 5,000 a second of their own time, so that the consumer's rewind of 5 s fits."""
    return frames_of(list(islice(World(2, now_us(), 5_000, users=2_000), 110_000)))


def test_a_killed_redis(make_running):
    service = make_running()
    service.stack.redis.kill()
    service.monitored.must_tell("RedisDown")
    told = service.monitored.webhook.told
    assert not told("NothingReceived", "firing"), "a victim is not told beside its cause"
    service.stack.redis.start()
    service.monitored.must_tell("RedisDown", "resolved")


def test_a_disk_that_is_nearly_full(make_running, small_disk):
    disk, resize = small_disk
    resize("size=90m")
    (disk / "other").write_bytes(bytes(50_000_000))
    service = make_running(LAKE_ROOT=str(disk / "lake"))
    until(lambda: service.monitored.query("sum(api_lake_rows) > 0"), "the first batch is listed")
    resize(f"size={shutil.disk_usage(disk).used // 880}k")
    service.monitored.must_tell("DiskLow", disk="lake")
    resize("size=90m")
    service.monitored.must_tell("DiskLow", "resolved", disk="lake")


def test_answers_that_are_errors(make_running):
    service = make_running()
    posts = service.stack.root / "posts"
    until(lambda: any(posts.rglob("*.parquet")), "the first file")
    service.processes["flusher"].stop_cleanly()
    damage(posts)
    statuses = [service.ask(f"/search?text=time&limit={limit}") for limit in range(1, 20)]
    assert max(statuses) >= 500, statuses
    service.monitored.must_tell("WebErrors")
    service.monitored.must_tell("WebErrors", "resolved", seconds=WINDOW_SECONDS + SOON_SECONDS)


def damage(folder):
    for path in folder.rglob("*.parquet"):
        path.write_bytes(random.Random(1).randbytes(path.stat().st_size))
