"""A chunk of frames becomes typed rows that the lake does not hold yet: SQL in one DuckDB session, nothing on disk.

The steps, each a method of Chunk, in order: load, type_rows, fold, then the questions about what is new.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from ingest.buffer import Entry, arrival_ms
from lake import catalog, layout
from lake.catalog import AccountState, Version
from lake.engine import named_sql
from lake.schema import DATASETS, Dataset

# Keys of the record that columns hold when they have the type that the schema of the record asks for.
_TYPED_KEYS = (
    *("$record", "text", "langs", "reply", "subject", "displayName", "description"),
    *("handle", "active", "status", "seq", "time"),
)


class Partition(NamedTuple):
    dataset: Dataset
    hour: datetime
    rows: int
    arrived: int  # rows whose time_us was impossible, so that seen is their arrival


class Chunk:
    """One DuckDB session. `lake` is LAKE_ROOT. Raises Unreadable when the data of some event can't be made a row."""

    def __init__(self, session: Any, lake: Path) -> None:
        self._session = session
        self._lake = lake

    def load(self, entries: Sequence[Entry]) -> None:
        """frames -> event."""
        frames = pa.table(
            {
                "n": pa.array(range(len(entries)), pa.int64()),
                "arrival_us": pa.array([arrival_ms(entry.id) * 1000 for entry in entries], pa.int64()),
                "frame": pa.array([entry.frame for entry in entries], pa.binary()).cast(pa.string()),
            }
        )
        self._session.register("frames", frames)
        self._session.execute(named_sql("macros"))
        self._session.execute(named_sql("events"))
        self._session.unregister("frames")

    def type_rows(self) -> None:
        """event -> new_<dataset>, one SELECT each, the first of those with an equal key."""
        for dataset in DATASETS.values():
            self._session.execute(f"CREATE OR REPLACE TEMP TABLE typed AS {named_sql(dataset.name)}")
            self._session.execute(
                f"CREATE OR REPLACE TEMP TABLE new_{dataset.name} AS SELECT typed.*, by_arrival FROM typed JOIN event USING (n) "
                f"WHERE n IN (SELECT min(n) FROM typed GROUP BY {_key(dataset, 'typed')})"
            )
        self._session.execute("DROP TABLE typed")

    def fold(self) -> None:
        """Removes from new_<dataset> what the lake has already."""
        for dataset in DATASETS.values():
            self._session.execute(f"CREATE OR REPLACE TEMP TABLE nearby_{dataset.name} ({_key_columns(dataset)})")
            if paths := catalog.nearby(dataset.name, *self._times(dataset)):
                self._read_keys(dataset, paths)
                self._session.execute(
                    f"DELETE FROM new_{dataset.name} WHERE n IN (SELECT n FROM new_{dataset.name} AS new "
                    f"SEMI JOIN nearby_{dataset.name} AS old ON {_same_key(dataset)})"
                )

    def _read_keys(self, dataset: Dataset, paths: list[str]) -> None:
        columns = ", ".join(dataset.key_columns)
        self._session.execute(
            f"INSERT INTO nearby_{dataset.name} SELECT {columns} FROM read_parquet($1, hive_partitioning = false) "
            f"WHERE did IN (SELECT did FROM new_{dataset.name})",
            [self._absolute(paths)],
        )

    def _times(self, dataset: Dataset) -> tuple[Mapping[datetime, tuple[int, int]], bool]:
        rows = self._rows(
            "SELECT epoch_us(seen) // 3600000000 AS hour, min(epoch_us(seen)), max(epoch_us(seen)) "
            f"FROM new_{dataset.name} WHERE NOT by_arrival GROUP BY hour"
        )
        arrivals = self._rows(f"SELECT count(*) FROM new_{dataset.name} WHERE by_arrival")[0][0]
        return {layout.hour_of(low): (low, high) for _, low, high in rows}, bool(arrivals)

    def partitions(self) -> list[Partition]:
        """What is to be written."""
        return [
            Partition(dataset, layout.hour_of(low), rows, arrived)
            for dataset in DATASETS.values()
            for low, rows, arrived in self._rows(
                "SELECT min(epoch_us(seen)), count(*), count(*) FILTER (WHERE by_arrival) "
                f"FROM new_{dataset.name} GROUP BY date_trunc('hour', seen) ORDER BY 1"
            )
        ]

    def batches(self, partition: Partition) -> Iterator[pa.RecordBatch]:
        """The partition's rows by seen, columns as in the dataset."""
        columns = ", ".join(column.name for column in partition.dataset.columns)
        low = int(partition.hour.timestamp() * 1_000_000)
        result = self._session.sql(
            f"SELECT {columns} FROM new_{partition.dataset.name} "
            "WHERE seen >= make_timestamp($1) AND seen < make_timestamp($1 + 3600000000) ORDER BY seen, n",
            params=[low],
        )
        yield from result.to_arrow_reader(100_000)

    def tombstones(self) -> list[Version]:
        return [Version(*row) for row in self._rows(named_sql("tombstones"))]

    def accounts(self) -> list[AccountState]:
        """The latest state of each account of which the chunk has news."""
        oldest = self._rows("SELECT epoch_us(min(seen)) FROM new_accounts WHERE kind = 'account'")[0][0]
        if oldest is None:
            return []
        paths = catalog.later("accounts", oldest)
        later = "SELECT * FROM read_parquet($1, hive_partitioning = false)" if paths else "SELECT * FROM new_accounts LIMIT 0"
        sql = f"WITH later_accounts AS ({later}) {named_sql('accounts_latest').replace('WITH known', ', known')}"
        return [AccountState(*row) for row in self._rows(sql, [self._absolute(paths)] if paths else [])]

    def unfit(self) -> int:
        """Records that have a typed key of another type: it is in extra, its column is null."""
        keys = ", ".join(f"'{key}'" for key in _TYPED_KEYS)
        return sum(
            int(
                self._rows(
                    f"SELECT count(*) FROM new_{name} WHERE extra IS NOT NULL AND (list_has_any(json_keys(extra), [{keys}]) "
                    "OR created_at IS NULL AND list_contains(json_keys(extra), 'createdAt'))"
                )[0][0]
            )
            for name in DATASETS
        )

    def minutes(self) -> dict[str, int]:
        """New rows per minute of seen, as `YYYY-MM-DDTHH:MM`."""
        union = " UNION ALL ".join(f"SELECT seen FROM new_{name}" for name in DATASETS)
        sql = f"SELECT strftime(seen, '%Y-%m-%dT%H:%M') AS minute, count(*) FROM ({union}) GROUP BY minute ORDER BY minute"
        return dict(self._rows(sql))

    def span(self) -> tuple[int, int]:
        """First and last seen of the chunk in microseconds, of all its events, the folded ones too."""
        low, high = self._rows("SELECT epoch_us(min(seen)), epoch_us(max(seen)) FROM event")[0]
        return low, high

    def _absolute(self, paths: list[str]) -> list[str]:
        return [str(self._lake / path) for path in paths]

    def _rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self._session.execute(sql, list(parameters) or None).fetchall()
        return rows


def _key_columns(dataset: Dataset) -> str:
    return ", ".join(f"{column.name} {column.type}" for column in dataset.columns if column.name in dataset.key_columns)


def _key(dataset: Dataset, row: str) -> str:
    return ", ".join(part.format(row=row) for part in dataset.key)


def _same_key(dataset: Dataset) -> str:
    pairs = ((part.format(row="new"), part.format(row="old")) for part in dataset.key)
    return " AND ".join(f"{new} IS NOT DISTINCT FROM {old}" for new, old in pairs)
