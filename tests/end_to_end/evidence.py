"""What is in the lake, read without any code of the service: the catalog through sqlite3, the files through pyarrow.

The oracle is the log of the simulator: the frames that it has produced.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ingest.events import record_cid
from tests.builders import key

COLLECTIONS = {
    "posts": "app.bsky.feed.post",
    "likes": "app.bsky.feed.like",
    "reposts": "app.bsky.feed.repost",
    "follows": "app.bsky.graph.follow",
    "blocks": "app.bsky.graph.block",
    "profiles": "app.bsky.actor.profile",
}
_DATASETS = {collection: dataset for dataset, collection in COLLECTIONS.items()}
_JSON_COLUMNS = ("embed", "facets", "labels", "tags", "via")  # of the same name as the record's key
_TEXT_COLUMNS = {"text": "text", "subject": "subject", "display_name": "displayName", "description": "description"}

Row = dict[str, Any]


def dataset_of(frame: bytes) -> str:
    event = json.loads(frame)
    if event["kind"] != "commit":
        return "accounts"
    commit = event["commit"]
    return "deletes" if commit["operation"] == "delete" else _DATASETS.get(commit["collection"], "records")


def row_key(dataset: str, row: Row) -> tuple[Any, ...]:
    """The same as `builders.key` of the frame."""
    if dataset == "accounts":
        return row["did"], row["kind"], row["seq"]
    return row["did"], COLLECTIONS.get(dataset) or row["collection"], row["rkey"], row["rev"], row["operation"]


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
        expected = Counter((dataset_of(frame), *key(frame)) for frame in frames)
        assert expected.total() == len(expected), "the log itself holds an event twice"
        found: Counter[tuple[Any, ...]] = Counter()
        of_log = ((dataset, row) for dataset, row in self.rows() if dataset != "labels")
        for number, (dataset, row) in enumerate(of_log):
            found[dataset, *row_key(dataset, row)] += 1
            if number % rebuilt_every == 0 and row["cid"]:
                assert record_cid(record_of(dataset, row)) == row["cid"], row
        lost, extra = expected - found, found - expected
        assert not lost, f"{lost.total()} of {len(frames)} lost: {list(lost)[:3]}"
        assert not extra, f"{extra.total()} too many: {list(extra.items())[:3]}"
        self.must_be_tidy()

    def must_be_tidy(self) -> None:
        """On the disk is what is listed, of the listed size, and nothing besides."""
        tables = ("lake_datafile", "lake_indexfile")
        listed = dict(
            row for table in tables for row in self.ask(f"SELECT path, bytes FROM {table} WHERE superseded_at IS NULL")
        )
        on_disk = {path: (self.root / path).stat().st_size for path in self._on_disk()}
        assert on_disk == listed

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
