"""What is noted at the end of each compressed day."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.weeks.questions import Latency

TABLES = ("lake_datafile", "lake_indexfile", "lake_batchrun", "lake_tombstone", "lake_inactiveaccount")


@dataclass(frozen=True)
class Held:
    """Of lake and catalog after the daily pass. Bytes."""

    files: int  # listed
    files_on_disk: int  # with indexes, and what waits for the sweep
    file_bytes: int
    index_bytes: int
    catalog_bytes: int
    rows: dict[str, int]  # by table of the catalog


@dataclass(frozen=True)
class Day:
    """`seconds`: from its first event until all are in the lake. By process: `megabytes` at most, seconds of `cpu`."""

    number: int
    events: int  # since the beginning
    events_of_day: int
    hours: int  # with data since the beginning
    seconds: float
    megabytes: dict[str, float]
    cpu: dict[str, float]
    compaction_seconds: float
    backup_seconds: float
    held: Held
    latency: dict[str, Latency] = field(default_factory=dict)


def held(root: Path, database: Path) -> Held:
    with closing(sqlite3.connect(database, timeout=30)) as catalog:

        def one(sql: str) -> tuple[int, ...]:
            row: tuple[int, ...] = catalog.execute(sql).fetchone()
            return row

        listed = "count(*), coalesce(sum(bytes), 0) FROM {} WHERE superseded_at IS NULL"
        files, file_bytes = one(f"SELECT {listed.format('lake_datafile')}")
        _, index_bytes = one(f"SELECT {listed.format('lake_indexfile')}")
        rows = {table: one(f"SELECT count(*) FROM {table}")[0] for table in TABLES}
    on_disk = sum(path.is_file() for path in root.rglob("*"))
    return Held(files, on_disk, file_bytes, index_bytes, database.stat().st_size, rows)
