"""Faults on request, injected between the log and a subscriber. The log itself stays as it is."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from random import Random
from typing import Any, NamedTuple

import msgspec

_REORDER_US = 1_000_000


def _fault(default: Any, description: str, metavar: str = "N") -> Any:
    """Its description and the name of its value are those of its option on the command line."""
    return field(default=default, metadata={"help": description, "metavar": metavar})


@dataclass(frozen=True)
class Faults:
    """0 or False: never. Counts are of events sent, over all subscribers; events are new that were never sent before.
    `seed`: of what is random."""

    drop_every: int = _fault(0, "cut the connection, without a close frame, after each N new events")
    drop_replay: int = _fault(0, "cut the first K replays in their middle", "K")
    repeat_window: int = _fault(0, "now and then send the last N events again")  # on average after ten times as many
    reorder: bool = _fault(False, "mix events within a second; the order of each DID stays")
    stall_seconds: float = _fault(0.0, "fall silent, pings too, for so long", "SECONDS")
    stall_every: int = _fault(10_000, "... after each N events (default: %(default)s)")
    junk_every: int = _fault(0, "send a frame that is no event after each N")
    cut_every: int = _fault(0, "send half an event before each N-th")
    seed: int = 0

    def any(self) -> bool:
        return self != Faults(stall_every=self.stall_every, seed=self.seed)


NO_FAULTS = Faults()


class Message(NamedTuple):
    payload: bytes
    text: bool = True


class Stall(NamedTuple):
    seconds: float


class Drop(NamedTuple):
    """Cut the connection without a close frame."""


Step = list[Message] | Stall | Drop

_JUNK = (
    Message(b"this is no JSON"),
    Message(b'{"did":"did:plc:aaaaaaaaaaaaaaaaaaaaaaaa","time_us":1,"kind":"rumour","rumour":{}}'),
    Message(b"\x00\xff\xfe binary", text=False),
    Message(b""),
)


class _Address(msgspec.Struct):
    did: str = ""
    time_us: int = 0


_decode = msgspec.json.Decoder(_Address).decode


class FaultInjector:
    """Turns the events for a subscriber into steps. One per server: its counts are of all connections."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.fired: Counter[str] = Counter()  # by the name of the fault, as in Faults
        self._random = Random(faults.seed).random
        self._junk = cycle(_JUNK)
        self._sent = 0
        self._new = 0
        self._head = 0  # no position from here on was sent yet

    def cut_replay(self, start: int, end: int) -> int | None:
        """The position at which to cut a replay from `start` to `end`; None to let it pass."""
        if end - start < 2 or self.fired["drop_replay"] >= self.faults.drop_replay:
            return None
        return (start + end) // 2

    def steps(self, events: list[tuple[int, bytes]], recent: deque[bytes], cut_at: int | None) -> Iterator[Step]:
        """The steps for `events`, given as (position, frame). A Drop is the last one.

        `recent`: the events that this connection got last; `cut_at`: from `cut_replay`.
        """
        out: list[Message] = []
        for position, frame in self._shuffled(events) if self.faults.reorder else events:
            if cut_at is not None and position >= cut_at:
                self.fired["drop_replay"] += 1
                yield out
                yield Drop()
                return
            out += self._around(frame, recent)
            if self.faults.stall_seconds and self._due("stall_every", self._sent):
                yield out
                yield Stall(self.faults.stall_seconds)
                out = []
            if self._is_new(position) and self._due("drop_every", self._new):
                yield out
                yield Drop()
                return
        yield out

    def _around(self, frame: bytes, recent: deque[bytes]) -> Iterator[Message]:
        """The frame, with the faults before and after it."""
        self._sent += 1
        if self._due("cut_every", self._sent):
            half = frame[: len(frame) // 2].decode(errors="ignore")  # a text frame ends between characters
            yield Message(half.encode())
        yield Message(frame)
        if self._due("junk_every", self._sent):
            yield next(self._junk)
        if self.faults.repeat_window:
            recent.append(frame)
            if self._random() * 10 * self.faults.repeat_window < 1:
                self.fired["repeat_window"] += 1
                yield from map(Message, list(recent)[-self.faults.repeat_window :])

    def _due(self, fault: str, count: int) -> bool:
        every: int = getattr(self.faults, fault)
        due = every > 0 and count % every == 0
        if due:
            self.fired[fault] += 1
        return due

    def _is_new(self, position: int) -> bool:
        new = position >= self._head
        if new:
            self._head = position + 1
            self._new += 1
        return new

    def _shuffled(self, events: list[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
        """Shuffles windows of less than a second of time_us; keeps the order of each DID."""
        window: list[tuple[float, int, bytes]] = []
        turns: dict[str, float] = {}
        first_us = 0
        for position, frame in events:
            address = _decode(frame)
            if window and abs(address.time_us - first_us) >= _REORDER_US:
                yield from self._sorted(window)
                window, turns = [], {}
            if not window:
                first_us = address.time_us
            turns[address.did] = turn = max(self._random(), turns.get(address.did, 0.0))
            window.append((turn, position, frame))
        yield from self._sorted(window)

    def _sorted(self, window: list[tuple[float, int, bytes]]) -> Iterator[tuple[int, bytes]]:
        by_turn = sorted(window)
        if by_turn != window:
            self.fired["reorder"] += 1
        return ((position, frame) for _, position, frame in by_turn)
