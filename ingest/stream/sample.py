"""What a host sends for some seconds, kept nowhere: to compare with what the service has."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from ingest.events import Event, read
from ingest.stream.jetstream import Disconnected, session
from ingest.stream.subscribe_request import host_of, subscribe_request

MOST_EVENTS = 300_000  # these two bound memory: ten minutes of the whole network, and frames may be 2 MB
MOST_BYTES = 200_000_000


class Sample(NamedTuple):
    """`fault`: why it ended early; empty if it did not."""

    host: str
    events: list[Event]
    fault: str


def other_url(urls: Sequence[str], host: str) -> str | None:
    """The first that is not at this host."""
    return next((url for url in urls if host_of(url) != host), None)


async def take(url: str, collections: Sequence[str], seconds: float) -> Sample:
    """From the live tail of that host."""
    events: list[Event] = []
    size, fault = 0, ""
    try:
        async with asyncio.timeout(seconds), session(subscribe_request(url, None, collections).url) as opened:
            while len(events) < MOST_EVENTS and size < MOST_BYTES:
                frames = await opened.receive()
                size += sum(map(len, frames))
                events += [event for event in map(read, frames) if isinstance(event, Event)]
    except TimeoutError:
        pass
    except Disconnected as error:
        fault = str(error)
    except Exception as error:  # noqa: BLE001 - whatever a host does: a sample that failed must not be hidden
        fault = f"{type(error).__name__}: {error}"
    return Sample(host_of(url), events, fault)
