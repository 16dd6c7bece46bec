"""The log of what was sent, on the disk: of each frame the key of its event, what decides who may see it, and a hash of
the text of a post."""

from hashlib import md5
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.end_to_end.evidence import COLLECTIONS

PART = 50_000  # rows that are written at once
HOUR_US = 3_600_000_000
_DATASETS = {collection: dataset for dataset, collection in COLLECTIONS.items()}
SCHEMA = pa.schema(
    [
        ("dataset", pa.string()),
        ("did", pa.string()),
        ("collection", pa.string()),
        ("rkey", pa.string()),
        ("rev", pa.string()),
        ("operation", pa.string()),  # of accounts: the kind of the event
        ("seq", pa.int64()),  # of accounts
        ("active", pa.bool_()),  # of accounts
        ("seen_us", pa.int64()),
        ("bytes", pa.int32()),  # of JSON
        ("text", pa.uint64()),  # of posts: as text_hash
    ]
)


class _Commit(msgspec.Struct):
    collection: str
    rkey: str
    rev: str
    operation: str
    record: msgspec.Raw = msgspec.Raw()


class _Post(msgspec.Struct):
    text: object = None


class _Inner(msgspec.Struct):
    seq: int
    active: bool | None = None


class _Frame(msgspec.Struct):
    did: str
    time_us: int
    kind: str
    commit: _Commit | None = None
    identity: _Inner | None = None
    account: _Inner | None = None


_decode = msgspec.json.Decoder(_Frame).decode
_decode_post = msgspec.json.Decoder(_Post).decode


def text_hash(record: bytes) -> int | None:
    """What DuckDB's md5_number_lower says of the record's text. None if it has none."""
    text = _decode_post(record).text if record else None
    return int.from_bytes(md5(text.encode()).digest()[8:], "little") if isinstance(text, str) else None


def row(frame: bytes) -> tuple[str | int | bool | None, ...]:
    """In the order of SCHEMA."""
    event = _decode(frame)
    if (commit := event.commit) is None:
        inner = event.identity or event.account
        assert inner is not None
        account = ("accounts", event.did, None, None, None, event.kind, inner.seq, inner.active)
        return *account, event.time_us, len(frame), None
    dataset = "deletes" if commit.operation == "delete" else _DATASETS.get(commit.collection, "records")
    key = (event.did, commit.collection, commit.rkey, commit.rev, commit.operation)
    text = text_hash(bytes(commit.record)) if dataset == "posts" else None
    return dataset, *key, None, None, event.time_us, len(frame), text


class Log:
    """Parquet files, a folder for each hour: `hour-<microseconds since 1970>/<number>.parquet`."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._parts = folder, 0
        self._rows: list[tuple[str | int | bool | None, ...]] = []

    def append(self, frame: bytes) -> None:
        self._rows.append(row(frame))
        if len(self._rows) == PART:
            self.write()

    def write(self) -> None:
        if not self._rows:
            return
        columns = zip(*self._rows, strict=True)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
        table = pa.table(arrays, schema=SCHEMA)
        hours = pc.divide(table["seen_us"], HOUR_US)
        for hour in pc.unique(hours).to_pylist():
            folder = self._folder / f"hour-{hour * HOUR_US}"
            folder.mkdir(parents=True, exist_ok=True)
            own = table.filter(pc.equal(hours, hour))
            pq.write_table(own, folder / f"{self._parts}.parquet", compression="zstd", compression_level=1)
        self._rows.clear()
        self._parts += 1
