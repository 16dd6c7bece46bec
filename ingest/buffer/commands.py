"""Commands to Redis as bytes. Pure.

Packed here, since an append is the consumer's hot path: for an event of 700 bytes this costs 0.4 us of CPU, against
0.9 us with hiredis.pack_command and 13 us with redis-py's own. The append as a whole costs 2.1 us, with
hiredis.pack_command 2.9 us (10,000 events, medians of 25 rounds in turn).
"""

import hashlib
from collections import Counter
from collections.abc import Sequence

from ingest.events import Drop

STREAM = "buffer"
CURSOR = "cursor"
DEAD_LETTERS = "dead_letters"
TOTALS = "totals"
DEAD_LETTERS_KEPT = 10_000
DEAD_LETTER_HEAD = 4096  # bytes kept of a dead letter


def command(*words: bytes) -> bytes:
    """One command in the Redis protocol (RESP)."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


WATCH = command(b"WATCH", CURSOR.encode())

_XADD = b"*7\r\n$4\r\nXADD\r\n$%d\r\n%b\r\n$1\r\n*\r\n$1\r\nf\r\n" % (len(STREAM), STREAM.encode()) + (
    b"$%d\r\n%b\r\n$1\r\nc\r\n$%d\r\n%b\r\n"
)


# A script is atomic: the consumer can't move the cursor between the GET and the XADD.
REPLAY = """
local cursor, moved = redis.call('GET', KEYS[3]) or ARGV[1], 0
for i = 2, #ARGV, 2 do
    if redis.call('XDEL', KEYS[2], ARGV[i]) == 1 then
        redis.call('XADD', KEYS[1], '*', 'f', ARGV[i + 1], 'c', cursor)
        moved = moved + 1
    end
end
return moved
"""


def append_event(frame: bytes, cursor: bytes) -> bytes:
    return _XADD % (len(frame), frame, len(cursor), cursor)


def add_totals(received: int, drops: Sequence[Drop]) -> list[bytes]:
    counts = Counter(f"dropped:{drop.reason}" for drop in drops)
    counts["received"] = received
    return [
        command(b"HINCRBY", TOTALS.encode(), name.encode(), b"%d" % number) for name, number in counts.items() if number
    ]


def dead_letter(drop: Drop) -> bytes:
    frame = drop.frame
    return command(
        *(b"XADD", DEAD_LETTERS.encode(), b"MAXLEN", b"%d" % DEAD_LETTERS_KEPT, b"*"),
        *(b"reason", drop.reason.encode(), b"length", b"%d" % len(frame)),
        *(b"sha256", hashlib.sha256(frame).hexdigest().encode(), b"head", frame[:DEAD_LETTER_HEAD]),
    )
