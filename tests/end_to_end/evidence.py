"""What is in the lake, read without any code of the service: the catalog through sqlite3, the files through pyarrow.

What should be in it, the oracle says of the log of the simulator: the frames that it has produced.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.oracle import wire
from tests.oracle.cids import record_cid
from tests.oracle.visibility import INTERACTIONS, TOLD, World

COLLECTIONS = {dataset: collection for collection, dataset in wire.COLLECTIONS.items()}
FILES = ("lake_datafile", "lake_indexfile")
_JSON_COLUMNS = ("embed", "facets", "labels", "tags", "via")  # of the same name as the record's key
_TEXT_COLUMNS = {"text": "text", "subject": "subject", "display_name": "displayName", "description": "description"}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Row = dict[str, Any]


def dataset_of(frame: bytes) -> str:
    return str(wire.read(frame).row.dataset)


def row_key(dataset: str, row: Row) -> tuple[Any, ...]:
    """What the oracle calls the key of the event."""
    if dataset == "accounts":
        return dataset, row["did"], row["kind"], row["seq"]
    return dataset, row["did"], collection_of(dataset, row), row["rkey"], row["rev"], row["operation"]


def collection_of(dataset: str, row: Row) -> str:
    return COLLECTIONS.get(dataset) or str(row["collection"])


def seen_us(row: Row) -> int:
    """What the host said, also where that is impossible."""
    told = json.loads(row["extra"] or "{}").get("$time_us")
    return int(told or (row["seen"].replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1))


def said(dataset: str, row: Row) -> Any:
    """What the oracle calls the text of a post, and what an event of an account told."""
    return tuple(row[name] for name in TOLD) if dataset == "accounts" else row.get("text")


class Lake:
    def __init__(self, root: Path, database: Path) -> None:
        self.root, self.database = root, database

    def ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.database, timeout=30)) as database:
            return database.execute(sql, values).fetchall()

    def listed(self) -> list[tuple[str, str]]:
        """Dataset and path of each file that exists."""
        return self.ask("SELECT dataset, path FROM lake_datafile WHERE superseded_at IS NULL ORDER BY id")

    def listed_rows(self) -> int:
        return int(self.ask("SELECT coalesce(sum(rows), 0) FROM lake_datafile WHERE superseded_at IS NULL")[0][0])

    def batches(self) -> int:
        return int(self.ask("SELECT count(*) FROM lake_batchrun WHERE state = 'committed'")[0][0])

    def duplicates(self) -> int:
        return int(self.ask("SELECT coalesce(sum(duplicates), 0) FROM lake_batchrun WHERE state = 'committed'")[0][0])

    def connections(self, columns: str) -> list[tuple[Any, ...]]:
        """Of each connection, in the order in which they were opened."""
        return self.ask(f"SELECT {columns} FROM ingest_connection ORDER BY id")

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Each row of each listed file, with its dataset. A row in the folder of another hour is refused."""
        for dataset, path in self.listed():
            assert path.startswith(f"{dataset}/"), path
            for row in pq.ParquetFile(self.root / path).read().to_pylist():
                assert f"{row['seen']:year=%Y/month=%m/day=%d/hour=%H}" in path, (path, row["seen"])
                yield dataset, row

    def must_equal(self, frames: list[bytes], rebuilt_every: int = 20) -> None:
        """Every event of the log exactly once and nothing else, each in its dataset; of every 20th the record hashes
        to its CID; no file on the disk that is not listed."""
        expected = Counter(wire.read(frame).key for frame in frames)
        assert expected.total() == len(expected), "the log itself holds an event twice"
        found: Counter[tuple[Any, ...]] = Counter()
        of_log = ((dataset, row) for dataset, row in self.rows() if dataset != "labels")
        for number, (dataset, row) in enumerate(of_log):
            found[row_key(dataset, row)] += 1
            if number % rebuilt_every == 0 and row["cid"]:
                assert record_cid(record_of(dataset, row)) == row["cid"], row
        lost, extra = expected - found, found - expected
        assert not lost, f"{lost.total()} of {len(frames)} lost: {list(lost)[:3]}"
        assert not extra, f"{extra.total()} too many: {list(extra.items())[:3]}"
        self.must_be_tidy()

    def must_show(self, frames: list[bytes]) -> None:
        """Of each dataset, the rows that the oracle says are visible: when they were seen, the text of posts, what
        identity and account events say. For a lake in which nothing was purged of an account that came back."""
        oracle = World(*frames)
        shown: dict[str, Counter[Any]] = {dataset: Counter() for dataset in wire.DATASETS}
        hides = self._hides()
        for dataset, row in self.rows():
            if dataset in wire.EVENTS or not hides(dataset, row):
                shown[dataset][(*row_key(dataset, row), seen_us(row), said(dataset, row))] += 1
        for dataset, rows in shown.items():
            wanted = {"posts": oracle.text, "accounts": oracle.told}.get(dataset, lambda _: None)
            expected = Counter((*oracle.events[row].key, row.seen, wanted(row)) for row in oracle.shown(dataset))
            assert rows == expected, f"{dataset}: not shown {expected - rows}, shown too much {rows - expected}"

    def _hides(self) -> Callable[[str, Row], bool]:
        """Whether a version must not show: the rule of docs/lake.md, "Query the files"."""
        higher: dict[tuple[str, ...], str] = {}
        tombstones = self.ask("SELECT did, collection, rkey, rev FROM lake_tombstone")
        deletes = [(row["did"], row["collection"], row["rkey"], row["rev"]) for row in self._of("deletes")]
        for *name, rev in tombstones + [(*key,) for key in deletes if wire.COLLECTIONS.get(key[1]) in INTERACTIONS]:
            higher[tuple(name)] = max(rev, higher.get(tuple(name), ""))
        inactive = {did for (did,) in self.ask("SELECT did FROM lake_inactiveaccount")}

        def hides(dataset: str, row: Row) -> bool:
            name = row["did"], collection_of(dataset, row), row["rkey"]
            return row["state"] is not None or row["did"] in inactive or higher.get(name, "") > row["rev"]

        return hides

    def _of(self, wanted: str) -> Iterator[Row]:
        return (row for dataset, row in self.rows() if dataset == wanted)

    def must_have_its_files(self) -> None:
        """Each listed file and index is there and has its bytes; there may be others."""
        for table in FILES:
            for path, digest in self.ask(f"SELECT path, sha256 FROM {table} WHERE superseded_at IS NULL"):
                assert (self.root / path).exists(), f"{path} is listed and not there"
                assert sha256((self.root / path).read_bytes()).hexdigest() == digest, f"{path} has other bytes"

    def must_be_tidy(self) -> None:
        """On the disk is what is listed, of the listed size, and nothing besides."""
        listed = dict(
            row for table in FILES for row in self.ask(f"SELECT path, bytes FROM {table} WHERE superseded_at IS NULL")
        )
        on_disk = {path: (self.root / path).stat().st_size for path in self._on_disk()}
        assert on_disk == listed, (
            f"not listed {on_disk.items() - listed.items()}, not there {listed.items() - on_disk.items()}"
        )

    def _on_disk(self) -> set[str]:
        """All files but the marker."""
        files = {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()}
        return files - {".lake.json", ".lake.json.tmp"}

    def strangers(self) -> set[str]:
        """Files on the disk that are not listed."""
        return self._on_disk() - {path for _, path in self.listed()}


def record_of(dataset: str, row: Row) -> Any:
    """The record that the row holds."""
    extra = json.loads(row["extra"] or "{}")
    extra.pop("$time_us", None)
    if "$record" in extra:
        return extra["$record"]
    if dataset == "records":
        return json.loads(row["record"])
    record = {"$type": COLLECTIONS[dataset], **dict(_columns(row))}
    if row["created_at"] is not None:
        record["createdAt"] = _usual_form(row["created_at"])
    return record | extra


def _columns(row: Row) -> Iterator[tuple[str, Any]]:
    for column, name in _TEXT_COLUMNS.items():
        if row.get(column) is not None:
            yield name, row[column]
    for column in _JSON_COLUMNS:
        if row.get(column) is not None:
            yield column, json.loads(row[column])
    if row.get("langs") is not None:
        yield "langs", row["langs"]
    if row.get("subject_uri") is not None:
        yield "subject", {"uri": row["subject_uri"], "cid": row["subject_cid"]}
    if row.get("reply_root_uri") is not None:
        ends = {end: {name: row[f"reply_{end}_{name}"] for name in ("uri", "cid")} for end in ("root", "parent")}
        yield "reply", ends


def _usual_form(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
