"""Which host to ask, from which position, and how long to wait before the next attempt. Pure, apart from the jitter."""

import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from ingest.buffer.entries import Cursor

REWIND_US = 5_000_000  # the legacy server may lose events where its replay meets the live tail
REWIND_OTHER_HOST_US = 60_000_000  # hosts stamp the same event at different times
REWIND_SEQS = 8_192  # a server that crashed may assign up to a block of 4,096 numbers again


@dataclass(frozen=True)
class SubscribeRequest:
    """Where to resume, as sent to the host. `cursor`: a time_us or a seq; None for the live tail. `time_us`: the time
    from which events are expected; None for the live tail."""

    url: str
    cursor: int | None
    time_us: int | None


def host_of(url: str) -> str:
    return urlsplit(url).netloc


def subscribe_request(url: str, cursor: Cursor | None, collections: Sequence[str] = ()) -> SubscribeRequest:
    """Resumes at the cursor, rewound: by seq on the host that the seq is of, elsewhere by time."""
    filters = [("wantedCollections", name) for name in collections]
    if cursor is None:
        return SubscribeRequest(_url(url, filters), None, None)
    same_host = cursor.host == host_of(url)
    if same_host and cursor.seq is not None:
        position, time_us = max(1, cursor.seq - REWIND_SEQS), cursor.time_us
    else:
        position = time_us = cursor.time_us - (REWIND_US if same_host or not cursor.host else REWIND_OTHER_HOST_US)
    return SubscribeRequest(_url(url, [("cursor", str(position)), *filters]), position, time_us)


def _url(url: str, parameters: list[tuple[str, str]]) -> str:
    return f"{url}?{urlencode(parameters)}" if parameters else url


def rotation(urls: Sequence[str], host: str) -> deque[str]:
    """The URLs in their order, from the one at `host` on: a cursor's seq is valid there."""
    first = next((number for number, url in enumerate(urls) if host_of(url) == host), 0)
    return deque([*urls[first:], *urls[:first]])


def backoff() -> Iterator[float]:
    """Seconds to wait before each further attempt: 0.1 doubling to 30, each times a random factor of 0.5 to 1, so that
    clients do not come back in step."""
    delay = 0.1
    while True:
        yield delay * random.uniform(0.5, 1.0)  # noqa: S311 - jitter is not a secret
        delay = min(30.0, delay * 2)
