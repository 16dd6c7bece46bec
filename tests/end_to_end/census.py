"""Millions of events compared in little memory: each key becomes a hash of 64 bits, on both sides by other code."""

import threading
from array import array
from hashlib import blake2b
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.end_to_end.evidence import COLLECTIONS, Lake

SEPARATOR = "\x1f"


class _Commit(msgspec.Struct):
    collection: str
    rkey: str
    rev: str
    operation: str


class _Inner(msgspec.Struct):
    seq: int


class _Frame(msgspec.Struct):
    did: str
    kind: str
    commit: _Commit | None = None
    identity: _Inner | None = None
    account: _Inner | None = None


_decode = msgspec.json.Decoder(_Frame).decode
_DATASETS = {collection: dataset for dataset, collection in COLLECTIONS.items()}


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def frame_hash(frame: bytes) -> int:
    event = _decode(frame)
    if (commit := event.commit) is None:
        inner = event.identity or event.account
        assert inner is not None
        return _hash(SEPARATOR.join(("accounts", event.did, event.kind, str(inner.seq))))
    dataset = "deletes" if commit.operation == "delete" else _DATASETS.get(commit.collection, "records")
    return _hash(SEPARATOR.join((dataset, event.did, commit.collection, commit.rkey, commit.rev, commit.operation)))


class LogReader(threading.Thread):
    """Reads the simulator's `--dump` from a pipe, so that the log needs no disk."""

    def __init__(self, pipe: Path) -> None:
        super().__init__(daemon=True)
        self.hashes = array("Q")
        self._pipe = pipe

    def run(self) -> None:
        with self._pipe.open("rb") as file:
            for line in file:
                self.hashes.append(frame_hash(line))


def lake_hashes(lake: Lake) -> np.ndarray:
    """Of all rows of all listed files."""
    hashes = array("Q")
    for dataset, path in lake.listed():
        for text in _keys(dataset, lake.root / path):
            hashes.append(_hash(text))
    return np.frombuffer(hashes, dtype=np.uint64)


def _keys(dataset: str, path: Path) -> list[str]:
    names = ["did", "kind", "seq"] if dataset == "accounts" else ["did", "rkey", "rev", "operation"]
    own = ["collection"] if dataset in ("records", "deletes") else []
    table = pq.ParquetFile(path).read([*names, *own])
    columns = {name: table[name].cast(pa.string()) for name in table.column_names}
    if dataset != "accounts":
        columns.setdefault("collection", pa.scalar(COLLECTIONS.get(dataset)))
        names = ["did", "collection", "rkey", "rev", "operation"]
    joined = pc.binary_join_element_wise(pa.scalar(dataset), *(columns[name] for name in names), SEPARATOR)
    keys: list[str] = joined.to_pylist()
    return keys


def must_be_equal(log: np.ndarray, lake: np.ndarray) -> None:
    """As sets that hold nothing twice."""
    log, lake = np.sort(log), np.sort(lake)
    assert len(np.unique(log)) == len(log), "the log itself holds an event twice"
    lost, extra = np.setdiff1d(log, lake), np.setdiff1d(lake, log)
    doubled = len(lake) - len(np.unique(lake))
    assert (len(lost), len(extra), doubled) == (0, 0, 0), "lost, foreign, doubled"
