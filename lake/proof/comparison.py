"""The events that another host sent against the rows of the lake: by key and by CID."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median_low
from typing import Any, NamedTuple

from ingest.events import Event, record_cid
from lake.catalog import listing, read_guard
from lake.schema import DATASETS, FLUSHED, Dataset, dataset_of
from lake.storage.duckdb_engine import Engine
from process.instants import iso_us, utc

NEARBY_MARGINS = 8  # how far hosts may be out of step: each stamps an event when it comes to it
SHOWN = 10  # of the keys of each kind of difference

Key = tuple[str, ...]  # the dataset, then what identifies an event in it


class Found(NamedTuple):
    """An event of the host, or a row of the lake. `cid`: None if there is none, or if the lake derives it."""

    seen_us: int
    cid: str | None


class Window(NamedTuple):
    """Microseconds since 1970."""

    start_us: int
    end_us: int

    def inner(self, margin_us: int) -> "Window":
        return Window(self.start_us + margin_us, self.end_us - margin_us)

    def holds(self, seen_us: int) -> bool:
        return self.start_us <= seen_us <= self.end_us


def window(events: Sequence[Event]) -> Window:
    times = [event.time_us for event in events]
    return Window(min(times), max(times))


def sent(events: Iterable[Event]) -> dict[Key, Found]:
    found = {}
    for event in events:
        if key := _key(event):
            found[key] = Found(event.time_us, event.commit.cid if event.commit else None)
    return found


def _key(event: Event) -> Key | None:
    """Of an account event it has its own time, as seq is the relay's and hosts may have others. None for those without
    either: they have no identity that another host shares."""
    if (commit := event.commit) is not None:
        dataset = dataset_of(commit.operation, commit.collection)
        return dataset, event.did, commit.collection, commit.rkey, commit.rev, commit.operation
    body = json.loads(bytes(event.body))
    time, seq = (body.get("time"), body.get("seq")) if isinstance(body, dict) else (None, None)
    own = time if isinstance(time, str) else str(seq) if isinstance(seq, int) else None
    return ("accounts", event.did, event.kind, own) if own else None


def stored(engine: Engine, root: Path, of: Window, margin_us: int) -> dict[Key, Found]:
    """The rows of the lake that were seen then, or NEARBY_MARGINS before or after."""
    wide = of.inner(-NEARBY_MARGINS * margin_us)
    found: dict[Key, Found] = {}
    for name in FLUSHED:
        rows = read_guard.read_current(partial(_paths, name, wide), partial(_rows, engine, root, DATASETS[name], wide))
        found |= {(name, *key): Found(seen_us, cid) for *key, seen_us, cid in rows}
    return found


def _paths(dataset: str, of: Window) -> list[str]:
    files = listing.files_of(dataset).filter(max_seen__gte=utc(of.start_us), min_seen__lte=utc(of.end_us))
    return list(files.values_list("path", flat=True))


def _rows(engine: Engine, root: Path, dataset: Dataset, of: Window, paths: list[str]) -> list[tuple[Any, ...]]:
    if not paths:
        return []
    collection = f"'{dataset.collection}'" if dataset.collection else "collection"
    key = (
        "did, kind, coalesce(time, seq::VARCHAR)"
        if dataset.name == "accounts"
        else f"did, {collection}, rkey, rev, operation"
    )
    sql = f"SELECT {key}, epoch_us(seen), cid FROM lake_rows($files) WHERE epoch_us(seen) BETWEEN $low AND $high"
    values = {"files": [str(root / path) for path in paths], "low": of.start_us, "high": of.end_us}
    return engine.rows(sql, values)


def wrong_hashes(events: Iterable[Event]) -> Iterator[str]:
    """URIs of the records that do not hash to the CID which came with them."""
    for event in events:
        commit = event.commit
        if commit and commit.record and commit.cid and not _hashes(commit.record, commit.cid):
            yield f"at://{event.did}/{commit.collection}/{commit.rkey}"


def _hashes(record: bytes, cid: str) -> bool:
    """Whether it hashes to its CID, or DAG-CBOR has no form for it."""
    try:
        return record_cid(json.loads(bytes(record))) == cid
    except ValueError:
        return True


def compare(theirs: Mapping[Key, Found], ours: Mapping[Key, Found], of: Window, margin_us: int) -> dict[str, Any]:
    """JSON of the differences. At the edges of the window either side may have what the other has not: of the last
    `margin_us` on both ends nothing is asked. `ahead_us`: by how much later the service's host stamps. Pure."""
    inner, ahead_us = of.inner(margin_us), _ahead_us(theirs, ours)
    their_inner = [key for key, found in theirs.items() if inner.holds(found.seen_us)]
    our_inner = [key for key, found in ours.items() if inner.holds(found.seen_us - ahead_us)]
    missing, extra = [key for key in their_inner if key not in ours], [key for key in our_inner if key not in theirs]
    both = [key for key in theirs if key in ours and theirs[key].cid and ours[key].cid]
    other = [key for key in both if theirs[key].cid != ours[key].cid]
    return {
        "start": iso_us(inner.start_us),
        "end": iso_us(inner.end_us),
        "sent": Counter(key[0] for key in their_inner),
        "stored": Counter(key[0] for key in our_inner),
        "ahead_us": ahead_us,
        "missing": len(missing),
        "extra": len(extra),
        "cids": len(both),
        "other_cids": len(other),
        "named": {"missing": _named(missing), "extra": _named(extra), "other_cids": _named(other)},
    }


def _ahead_us(theirs: Mapping[Key, Found], ours: Mapping[Key, Found]) -> int:
    steps = [ours[key].seen_us - theirs[key].seen_us for key in theirs.keys() & ours.keys()]
    return median_low(steps) if steps else 0


def _named(keys: Sequence[Key]) -> list[str]:
    return [" ".join(key) for key in sorted(keys)[:SHOWN]]
