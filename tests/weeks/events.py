"""The simulator's world, with what it is too forgetful for: deletes and updates of posts of hours and days ago."""

from collections.abc import Iterator
from random import Random

from ingest.simulator import wire
from ingest.simulator.world.identifiers import CLOCKS, iso_ms, tid
from ingest.simulator.world.state import POST, TimedFrame
from ingest.simulator.world.world import World

KEPT_ONE_OF = 20  # posts that are remembered: 50,000 of a day
CHANGED_ONE_OF = 500  # events that are followed by a change of an old post
OLD_US = 6 * 3_600_000_000
_CREATED = b'"operation":"create","collection":"app.bsky.feed.post","rkey":"'
_DID = b'{"did":"'


def events(seed: int, start_us: int, per_second: float) -> Iterator[TimedFrame]:
    """Endless. The same for the same arguments."""
    random, remembered, posts = Random(seed), [], 0
    for number, (time_us, frame) in enumerate(World(seed, start_us, per_second)):
        yield time_us, frame
        if (place := frame.find(_CREATED, 0, 250)) > 0:
            posts += 1
            if posts % KEPT_ONE_OF == 0:
                remembered.append((time_us, *_identity(frame, place)))
        if number % CHANGED_ONE_OF == 0 and remembered:
            place = random.randrange(len(remembered))
            written_us, did, rkey = remembered[place]
            if written_us < time_us - OLD_US:
                remembered[place] = remembered[-1]
                remembered.pop()
                yield _change(random, time_us, did, rkey)


def _identity(frame: bytes, place: int) -> tuple[str, str]:
    """DID and record key of the frame, whose operation is at `place`."""
    start = place + len(_CREATED)
    did = frame[len(_DID) : frame.index(b'"', len(_DID))]
    return did.decode(), frame[start : frame.index(b'"', start)].decode()


def _change(random: Random, time_us: int, did: str, rkey: str) -> TimedFrame:
    """Three of four are deletes."""
    rev = tid(time_us - 5_000, CLOCKS[random.randrange(len(CLOCKS))])
    if random.random() < 0.75:
        return time_us, wire.delete(did, time_us, rev, POST, rkey)
    record = {"$type": POST, "createdAt": iso_ms(time_us), "langs": ["en"], "text": f"edited at {time_us}"}
    cid = wire.record_cid(record, linked=False)
    return time_us, wire.commit(did, time_us, rev, "update", POST, rkey, record, cid)
