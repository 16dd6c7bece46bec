"""A reader goes through all pages over HTTP while posts arrive, change and go, and their files are compacted."""

import json
import random
import sys
import threading
import urllib.request
from collections import Counter
from contextlib import closing

import pytest

from deploy.local.child import ROOT
from deploy.local.environment import free_port
from ingest.buffer.redis_stream import Buffer
from ingest.stream.frames import read_frames
from process.instants import now_us
from tests.builders import ALICE, NOON_US, delete, post, tid
from tests.end_to_end.stack import until

HOUR_US = 3_600_000_000
LATER_US = NOON_US + 24 * HOUR_US


def append(stack, frames):
    with closing(Buffer(stack.redis.url).connect()) as buffer:
        for start in range(0, len(frames), 5_000):
            batch = read_frames(frames[start : start + 5_000], None, "test", now_us())
            buffer.append(batch.events, batch.drops, batch.cursor)


def originals(count, hours):
    """Keys and frames of posts that match, spread over some hours."""
    for number in range(count):
        at = NOON_US + number * hours * HOUR_US // count
        key = tid(at, number % 1024)
        yield key, post(f"by the lake {number}", time_us=at, rkey=key, rev=key)


class Changes(threading.Thread):
    """Until told to stop, twice a second: new posts, updates and deletes of the first ones, and a compaction."""

    def __init__(self, stack, keys):
        super().__init__(daemon=True)
        self.stack, self.keys, self.gone, self.rounds = stack, keys, set(), 0
        self.stopped = threading.Event()

    def run(self):
        chance = random.Random(5)
        while not self.stopped.wait(0.5):
            self.rounds += 1
            at = LATER_US + self.rounds * 1_000_000
            dead = chance.sample(self.keys, 10)
            self.gone.update(dead)
            new = [post("a new lake", time_us=at + n) for n in range(20)]
            changed = enumerate(chance.sample(self.keys, 20))
            updates = [post("another lake", "update", rkey=key, time_us=at + 100 + n) for n, key in changed]
            append(self.stack, [*new, *updates, *(delete(key, time_us=at + 200 + n) for n, key in enumerate(dead))])
            self.stack.ask_for_compaction()


def page(port, token, limit):
    url = f"http://127.0.0.1:{port}/search?text=lake&total=false&fields=id&limit={limit}&token={token}"
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


@pytest.mark.parametrize(
    ("count", "limit"), [pytest.param(3_000, 100), pytest.param(100_000, 1000, marks=pytest.mark.slow)]
)
def test_every_hit_comes_once_whatever_happens_meanwhile(make_stack, count, limit):
    port = free_port()
    fast = {"COMPACT_AFTER_SECONDS": "0", "SWEEP_GRACE_SECONDS": "0", "WEB_PORT": str(port)}
    stack = make_stack("ws://127.0.0.1:1/subscribe", **fast)
    keys, frames = map(list, zip(*originals(count, hours=5), strict=True))
    append(stack, frames)
    stack.flush_once()
    web = stack.run([sys.executable, "-m", "gunicorn", "--config", str(ROOT / "deploy" / "gunicorn.conf.py")], "web")
    web.await_words("Listening at")
    flusher, compactor = stack.flusher(), stack.compactor()
    changes = Changes(stack, keys)
    found = [page(port, "", limit)]
    changes.start()
    compactor.await_words("compacted")
    while found[-1]["meta"]["next"]:
        found.append(page(port, found[-1]["meta"]["next"], limit))
    until(lambda: changes.rounds >= 3, "three rounds of changes")
    changes.stopped.set()
    changes.join()
    assert all(each["meta"]["complete"] for each in found)
    seen = Counter(result["id"] for each in found for result in each["results"])
    every = {f"at://{ALICE}/app.bsky.feed.post/{key}" for key in keys}
    gone = {f"at://{ALICE}/app.bsky.feed.post/{key}" for key in changes.gone}
    assert set(seen.values()) == {1}
    assert seen.keys() <= every
    assert every - seen.keys() <= gone
    flusher.stop_cleanly()
    compactor.stop_cleanly()
