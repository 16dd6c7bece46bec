"""A recorded stream as a source of events: a file with one frame per line."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from ingest.simulator.log import StoredEvents, time_of


class BadRecording(ValueError):
    """The file is not a recorded stream; the message says where and why."""


def recorded(path: Path) -> StoredEvents:
    """All frames of the file, byte for byte, each at its own time_us. Raises BadRecording and OSError."""
    events = StoredEvents(_lines(path))
    if not events:
        raise BadRecording(f"{path} holds no events")
    return events


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            frame = line.rstrip(b"\r\n")
            try:
                yield time_of(frame), frame
            except msgspec.DecodeError as error:
                raise BadRecording(f"{path}, line {number} is not an event of a Jetstream: {error}") from error
