"""The options of the command line, and the source, faults and server options that they give."""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from ingest.simulator.log import StoredEvents
from ingest.simulator.server.appview import SimulatedAppView
from ingest.simulator.server.faults import Faults
from ingest.simulator.server.jetstream import DEFAULTS, Options
from ingest.simulator.server.producer import Source
from ingest.simulator.server.recording import recorded
from ingest.simulator.world.world import USERS, World
from process.instants import microseconds, now_us

FIXED_START = datetime(2026, 7, 1, tzinfo=UTC)  # without --rate: the same seed gives the same bytes at any time
PER_SECOND = 474.0  # 41 million events a day
_LAG_US = 10_000  # the most that an event comes after its turn: none is ahead of the clock
_PROGRESS_EVENTS = 100_000
_DEFAULT = "(default: %(default)s)"


def _at_least(kind: Callable[[str], float], least: float, name: str) -> Callable[[str], float]:
    """A type for argparse, which shows `name` in its message about a wrong value."""

    def parse(text: str) -> float:
        value = kind(text)
        if not least <= value < float("inf"):
            raise ValueError(text)
        return value

    parse.__name__ = name
    return parse


_count = _at_least(int, 0, "number of events (0 or more)")
_positive_count = _at_least(int, 1, "whole number of 1 or more")
_number = _at_least(float, 0, "number of 0 or more")
_positive = _at_least(float, 1e-3, "positive number")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--host", default=DEFAULTS.host, help=f"address to listen on {_DEFAULT}")
    add("--port", type=int, default=DEFAULTS.port, help=f"0 is any free one {_DEFAULT}")
    add("--v2", action="store_true", help="add `cursor`, the number of the event, to each frame")
    add("--ping-interval", type=_positive, default=DEFAULTS.ping_interval, metavar="SECONDS", help=_DEFAULT)
    _add_events(parser.add_argument_group("events"))
    _add_faults(parser.add_argument_group("faults", "Counts are of events sent. The log itself stays true."))


def _add_events(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--rate", type=_number, default=0, help="events a second; 0 (default): as fast as they are read")
    add("--seed", type=int, default=1, help=f"the same seed gives the same events {_DEFAULT}")
    add("--events", type=_count, metavar="N", help="end the log after N events (default: endless)")
    add("--users", type=_positive_count, default=USERS, help=f"people in the world {_DEFAULT}")
    add(
        "--start",
        type=_instant,
        metavar="ISO",
        help="simulated time of the first event (default: now with --rate, else 2026-07-01T00:00:00Z)",
    )
    add(
        "--per-second",
        type=_positive,
        default=PER_SECOND,
        metavar="N",
        help=f"events in a second of simulated time, without --rate {_DEFAULT}",
    )
    add("--pregenerate", action="store_true", help="make all --events before listening")
    add("--replay", type=Path, metavar="FILE.ndjson", help="serve a recorded stream instead of a generated world")
    add(
        "--keep",
        type=_positive_count,
        default=DEFAULTS.keep,
        metavar="N",
        help=f"events kept in memory for replays, at about 600 bytes each {_DEFAULT}",
    )
    add("--dump", type=Path, metavar="FILE.ndjson", help="write the log's frames as they are produced")


def _add_faults(group: argparse._ArgumentGroup) -> None:
    types = {"stall_seconds": _number, "stall_every": _positive_count}
    for fault in fields(Faults):
        option = f"--{fault.name.removesuffix('_seconds').replace('_', '-')}"
        if fault.default is False:
            group.add_argument(option, action="store_true", help=fault.metadata["help"])
        elif fault.metadata:
            kind = types.get(fault.name, _count)
            group.add_argument(option, dest=fault.name, type=kind, default=fault.default, **fault.metadata)


def server_options(given: dict[str, Any]) -> Options:
    options = {name: given[name] for name in Options.__dataclass_fields__}
    if given["replay"] or given["pregenerate"]:
        options["keep"] = sys.maxsize  # all events are in memory before the first is sent
    return Options(**options)


def faults(given: dict[str, Any]) -> Faults:
    return Faults(**{name: given[name] for name in Faults.__dataclass_fields__})


def source(given: dict[str, Any], progress: Callable[[str], None], appview: SimulatedAppView) -> Source:
    """Where the events come from; `appview` gets the world, if there is one.

    Raises BadRecording, OSError, and ValueError for options that contradict each other."""
    if given["replay"]:
        recording = recorded(given["replay"])
        return lambda: islice(recording, given["events"])
    if given["pregenerate"]:
        if given["events"] is None:
            raise ValueError("--pregenerate needs --events: the world itself is endless")
        events = islice(appview.of(_world(given)), given["events"])
        stored = StoredEvents(_with_progress(events, given["events"], progress))
        return lambda: stored
    return lambda: islice(appview.of(_world(given)), given["events"])


def _world(given: dict[str, Any]) -> World:
    rate = given["rate"]
    start_us = given["start"] or (now_us() - _LAG_US if rate else microseconds(FIXED_START))
    return World(given["seed"], start_us, rate or given["per_second"], given["users"])


def _with_progress(
    events: Iterable[tuple[int, bytes]], total: int, progress: Callable[[str], None]
) -> Iterator[tuple[int, bytes]]:
    for number, event in enumerate(events, 1):
        yield event
        if number % _PROGRESS_EVENTS == 0 or number == total:
            progress(f"generated {number:,} of {total:,} events")


def _instant(text: str) -> int:
    """Microseconds since 1970 of an ISO 8601 date or date-time, UTC unless it says otherwise."""
    return microseconds(datetime.fromisoformat(text))
