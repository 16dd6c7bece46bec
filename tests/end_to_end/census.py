"""Millions of events compared in little memory: each key becomes a hash of 64 bits, on both sides by other code."""

import threading
from array import array
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.end_to_end import event_log
from tests.end_to_end.evidence import COLLECTIONS, Lake

SEPARATOR = "\x1f"


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def frame_hash(frame: bytes) -> int:
    dataset, did, collection, rkey, rev, operation, seq, *_ = event_log.row(frame)
    key = (did, operation, seq) if dataset == "accounts" else (did, collection, rkey, rev, operation)
    return _hash(SEPARATOR.join(map(str, (dataset, *key))))


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
