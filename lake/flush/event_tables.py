"""From entries of the buffer to one Arrow table a dataset: the envelope in columns, the body still JSON text."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import cast

import numpy as np
import pyarrow as pa

from ingest.buffer.entries import Entries, arrival_ms
from ingest.events import EARLIEST_TIME_US, Drop, Event, read
from lake.schema import FLUSHED, dataset_of
from lake.storage.duckdb_engine import Unreadable

PART = 4096  # events an Arrow batch: they fit into the CPU's cache, and DuckDB reads batches on all its threads
AHEAD_US = 3_600_000_000  # a time_us further ahead of its ingest time is impossible
COMMIT_COLUMNS = ("rev", "operation", "collection", "rkey", "cid")
# n: place in the batch. impossible_time_us: time_us as text where it is impossible, so that seen is the ingest time.
# kind: of account events only; COMMIT_COLUMNS: of all others. body: JSON text as received, empty if absent.
SCHEMA = pa.schema(
    {"n": pa.int64(), "seen": pa.timestamp("us")}
    | dict.fromkeys(("impossible_time_us", "did", "kind", *COMMIT_COLUMNS, "body"), pa.string())
)

EventTables = Mapping[str, pa.Table]  # one of SCHEMA for every dataset of events, by its name


def load(entries: Entries) -> EventTables:
    """Raises Unreadable if an entry is no event."""
    batches: defaultdict[str, list[pa.RecordBatch]] = defaultdict(list)
    for start in range(0, len(entries), PART):
        part = entries.part(start, start + PART)
        events = _read(part.frames)
        for name, places in _by_dataset(events).items():
            numbers = pa.array([start + place for place in places])
            ids, own = [part.ids[place] for place in places], [events[place] for place in places]
            batches[name].append(_batch(numbers, ids, own))
    return {name: pa.Table.from_batches(batches[name], SCHEMA) for name in FLUSHED}


def _read(frames: Sequence[bytes]) -> list[Event]:
    events = [read(frame) for frame in frames]
    if Drop in set(map(type, events)):
        raise Unreadable(next(f"no event: {event.reason}" for event in events if isinstance(event, Drop)))
    return cast("list[Event]", events)


def _by_dataset(events: Sequence[Event]) -> Mapping[str, list[int]]:
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, event in enumerate(events):
        commit = event.commit
        places["accounts" if commit is None else dataset_of(commit.operation, commit.collection)].append(place)
    return places


def _batch(numbers: pa.Array, ids: Sequence[bytes], events: Sequence[Event]) -> pa.RecordBatch:
    seen, impossible = _times(ids, events)
    texts = {"impossible_time_us": impossible, "did": [event.did for event in events]}
    if events[0].commit is None:
        texts["kind"] = [event.kind for event in events]
    else:
        commits = [event.commit for event in events]
        texts |= {name: list(map(attrgetter(name), commits)) for name in COMMIT_COLUMNS}
    columns = {"n": numbers, "seen": pa.array(seen, pa.timestamp("us")), "body": _bodies(events)}
    columns |= {name: pa.array(values, pa.string()) for name, values in texts.items()}
    absent = pa.nulls(len(events), pa.string())
    return pa.record_batch([columns.get(name, absent) for name in SCHEMA.names], schema=SCHEMA)


def _times(ids: Sequence[bytes], events: Sequence[Event]) -> tuple[list[int], list[str | None]]:
    """`seen` in microseconds and `impossible_time_us`."""
    times = [event.time_us for event in events]
    ingested = arrival_ms(ids[0]) * 1000
    if EARLIEST_TIME_US <= min(times) and max(times) <= ingested + AHEAD_US:  # ids only grow: all are possible
        return times, [None] * len(times)
    seen, impossible = [], []
    for time_us, id_ in zip(times, ids, strict=True):
        ingested = arrival_ms(id_) * 1000
        possible = EARLIEST_TIME_US <= time_us <= ingested + AHEAD_US
        seen.append(time_us if possible else ingested)
        impossible.append(None if possible else str(time_us))
    return seen, impossible


def _bodies(events: Sequence[Event]) -> pa.Array:
    """Without a Python object for each, which takes a third of the time. `read` has checked that they are UTF-8, and a
    batch is far below the 2 GiB that an offset of 32 bits reaches."""
    bodies = [event.body for event in events]
    offsets = np.cumsum([0, *map(len, bodies)], dtype=np.int32)
    return pa.Array.from_buffers(
        pa.string(), len(bodies), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(bodies))]
    )
