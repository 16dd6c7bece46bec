"""A failed batch is tried again on request: its dead letters are replayed, and the buffer is flushed at once.

Its entries that could be written are in the lake long since: the flusher tries the halves of a failed batch by itself.
What it can't do by itself is to read an event again that it has set aside, once a new version can.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ingest.buffer.dead_letters import replay
from ingest.buffer.redis_stream import Buffer
from lake.errors import RequestRefused
from lake.models import BatchRun

LOOKED_AT = 1000  # batches after the failed one


def retry(arguments: Mapping[str, Any], buffer: Buffer, flush: Callable[[], str | None]) -> str | None:
    """What came of it, as a sentence; None if a stop has cut it short. `arguments`: the batch, by its number."""
    run = BatchRun.objects.filter(pk=arguments["batch"], state=BatchRun.State.FAILED).first()
    if run is None:
        raise RequestRefused(f"there is no failed batch {arguments['batch']}")
    replayed = replay(buffer)
    flushed = flush()
    return flushed and f"dead letters: {replayed}; {flushed}; {outcome(run)}"


def outcome(run: BatchRun) -> str:
    """Which later batches hold its entries."""
    later = BatchRun.objects.filter(state=BatchRun.State.COMMITTED, started_at__gte=run.started_at, pk__gt=run.pk)
    ends = later.order_by("pk").values_list("pk", "first_id", "last_id")[:LOOKED_AT]
    low, high = position(run.first_id), position(run.last_id)
    found = [str(pk) for pk, first, last in ends if position(first) <= high and position(last) >= low]
    if not found:
        return "no later batch has any of its entries"
    return f"its entries are in batch {', '.join(found)}, except for those that were set aside"


def position(entry: str) -> tuple[int, int]:
    """Of an entry's id, `<milliseconds>-<n>`; (0, 0) for another text."""
    ms, _, number = entry.partition("-")
    return (int(ms), int(number)) if ms.isdecimal() and number.isdecimal() else (0, 0)
