"""A chunk of frames becomes typed rows that the lake does not hold yet: SQL in DuckDB, nothing on disk.

The steps, each a method of Chunk, in this order: load, fold, then `rows` for each dataset, and the questions about what
is new. Raises Unreadable where the data of some event can't be made a row.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from ingest.buffer.entries import Entries, arrival_ms
from lake.catalog import listing, read_guard
from lake.catalog.commits import AccountState, NewTombstone
from lake.schema import DATASETS, STATE, STATEFUL, Dataset
from lake.storage import layout
from lake.storage.duckdb_engine import Engine, Unreadable, limited, read_sql
from process import instants
from process.instants import now_us

SQL = Path(__file__).parent / "sql"
SCAN_ROWS = 16_384  # entries a part of the Arrow column: DuckDB reads the parts on all its threads
HOUR_US = 3_600_000_000


class Partition(NamedTuple):
    """A dataset's new rows of one hour. `arrived`: those whose time_us is impossible, so that seen is their arrival."""

    dataset: Dataset
    hour: datetime
    rows: int
    arrived: int


class Chunk:
    """Entries of the buffer on their way. `root` is LAKE_ROOT. Of one engine's chunks only one may be past `load`."""

    def __init__(self, engine: Engine, root: Path) -> None:
        self._engine = engine
        self._root = root
        self._event = pa.table({})

    @property
    def loaded(self) -> bool:
        return bool(self._event.num_columns)

    def load(self, entries: Entries) -> None:
        """`event`: one row an entry, the envelope typed, the record still JSON. An Arrow table: reading it costs half
        of what reading a table of DuckDB's does."""
        try:
            frames = _frames(entries)
        except pa.ArrowInvalid as error:
            raise Unreadable(f"not UTF-8: {error}") from error
        self._event = self._arrow(_sql("events"), frames=frames)

    def fold(self) -> None:
        """Leaves in `event` what the chunk has once and the lake has not. Other versions of the chunk's posts that were
        near stay in nearby_posts."""
        self._drop(_sql("duplicates"))
        self._rows("CREATE OR REPLACE TABLE nearby_posts (did VARCHAR, rkey VARCHAR, rev VARCHAR)")
        for (name,) in self._rows("SELECT DISTINCT dataset FROM event"):
            dataset = DATASETS[name]
            ranges, arrivals = self._times(dataset)
            read_guard.read_current(
                partial(listing.paths_near, name, ranges, arrivals), partial(self._fold_against, dataset)
            )

    def _fold_against(self, dataset: Dataset, paths: list[str]) -> None:
        """Most chunks are news, and a rev is of one commit: where no rev of the files is ours, no key can be."""
        if not paths:
            return
        narrow, new = "rev", f"(FROM event WHERE dataset = '{dataset.name}')"
        if dataset.name == "posts":
            narrow = "did"  # tombstones() asks for other versions, too
        elif dataset.name == "accounts":
            narrow, new = "did", f"({_sql('accounts')})"
        self._rows(
            f"CREATE OR REPLACE TABLE nearby_{dataset.name} AS SELECT {', '.join(dataset.key_columns)} "
            f"FROM read_parquet($1, hive_partitioning = false) WHERE {narrow} IN (SELECT {narrow} FROM {new})",
            [self._absolute(paths)],
        )
        self._drop(f"SELECT new.n FROM {new} AS new SEMI JOIN nearby_{dataset.name} AS old ON {_same_key(dataset)}")

    def _drop(self, numbers: str) -> None:
        """Removes the rows of `event` whose n this SELECT gives."""
        found = self._arrow(numbers)
        if found.num_rows:
            self._event = self._event.filter(pc.invert(pc.is_in(self._event["n"], found.column(0))))

    def _times(self, dataset: Dataset) -> tuple[list[tuple[int, int]], bool]:
        """First and last seen of the rows, hour by hour, and whether some have none but their arrival."""
        rows = self._rows(
            "SELECT min(epoch_us(seen)), max(epoch_us(seen)), by_arrival FROM event "
            f"WHERE dataset = '{dataset.name}' GROUP BY epoch_us(seen) // {HOUR_US}, by_arrival"
        )
        return [(low, high) for low, high, by_arrival in rows if not by_arrival], any(row[2] for row in rows)

    def partitions(self) -> list[Partition]:
        """What is to be written, the largest first."""
        return [
            Partition(DATASETS[name], layout.hour_of(hour * HOUR_US), rows, arrived)
            for name, hour, rows, arrived in self._rows(
                f"SELECT dataset, epoch_us(seen) // {HOUR_US} AS hour, count(*) AS rows, "
                "count(*) FILTER (WHERE by_arrival) FROM event GROUP BY dataset, hour ORDER BY rows DESC"
            )
        ]

    def rows(self, dataset: Dataset) -> tuple[pa.Table, int]:
        """The dataset's new rows, columns as in the schema and in the order of their arrival, and how many are misfits:
        records with a key of another type than its column. May be called from several threads."""
        columns = ", ".join(
            f"CAST(NULL AS {column.type}) AS {column.name}" if column.name in STATE else column.name
            for column in dataset.columns
        )
        sql = f"SELECT {columns}, misfit(extra, created_at) AS misfit FROM ({_select(dataset)}) ORDER BY n"
        table = self._arrow(sql)
        return table.drop_columns("misfit"), int(pc.sum(table["misfit"], min_count=0).as_py())

    def tombstones(self) -> list[NewTombstone]:
        return [NewTombstone(*row) for row in self._rows(_sql("tombstones"))] + self._forgotten()

    def _forgotten(self) -> list[NewTombstone]:
        """Tombstones that the catalog may have no more, of versions that come so late; the lake itself still knows."""
        before = now_us() - listing.LATE // timedelta(microseconds=1)
        late = f"FROM event WHERE dataset IN {STATEFUL} AND epoch_us(seen) < {before}"
        found: list[NewTombstone] = []
        for (oldest,) in self._rows(f"SELECT epoch_us(min(seen)) {late} HAVING count(*) > 0"):
            for name in ("deletes", *STATEFUL):
                ask = partial(listing.paths_since, name, instants.utc(oldest) - listing.LATE)
                found += read_guard.read_current(ask, partial(self._newer, DATASETS[name], before))
        return found

    def _newer(self, dataset: Dataset, before: int, paths: list[str]) -> list[NewTombstone]:
        collection = f"'{dataset.collection}'" if dataset.collection else "d.collection"
        sql = _sql("forgotten").format(collection=collection, deleted=dataset.name == "deletes")
        values = {"files": self._absolute(paths), "before": before}
        return [NewTombstone(*row) for row in self._rows(sql, values)] if paths else []

    def accounts(self) -> list[AccountState]:
        """The latest state of each account of which the chunk has news."""
        oldest = self._rows("SELECT epoch_us(min(seen)) FROM event WHERE kind = 'account'")[0][0]
        if oldest is None:
            return []
        return read_guard.read_current(partial(listing.paths_from, "accounts", oldest), self._latest_accounts)

    def _latest_accounts(self, paths: list[str]) -> list[AccountState]:
        later = (
            "SELECT * FROM read_parquet($1, hive_partitioning = false)"
            if paths
            else "SELECT * FROM new_accounts LIMIT 0"
        )
        sql = _sql("accounts_latest").format(new=_sql("accounts"), later=later)
        return [AccountState(*row) for row in self._rows(sql, [self._absolute(paths)] if paths else [])]

    def minutes(self) -> dict[str, int]:
        """New rows per minute of seen, as `YYYY-MM-DDTHH:MM`."""
        return dict(
            self._rows(
                "SELECT strftime(seen, '%Y-%m-%dT%H:%M') AS minute, count(*) FROM event GROUP BY ALL ORDER BY ALL"
            )
        )

    def span(self) -> tuple[int, int] | None:
        """First and last seen of the new rows, in microseconds."""
        low, high = self._rows("SELECT epoch_us(min(seen)), epoch_us(max(seen)) FROM event")[0]
        return None if low is None else (low, high)

    def _absolute(self, paths: list[str]) -> list[str]:
        return [str(self._root / path) for path in paths]

    def _rows(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        with self._session() as session:
            rows: list[tuple[Any, ...]] = session.execute(sql, parameters or None).fetchall()
            return rows

    def _arrow(self, sql: str, **tables: pa.Table) -> pa.Table:
        with self._session(**tables) as session:
            return session.sql(sql).to_arrow_table(SCAN_ROWS)

    @contextmanager
    def _session(self, **tables: pa.Table) -> Iterator[Any]:
        """A cursor that sees `event` and these tables."""
        with limited(self._engine.cursor()) as session:
            for name, table in {"event": self._event, **tables}.items():
                if table.num_columns:
                    session.register(name, table)
            yield session


def of_hour(table: pa.Table, hour: datetime) -> pa.Table:
    """The table's rows whose seen lies in that hour."""
    low = int(hour.timestamp() * 1_000_000)
    seen = table["seen"].cast(pa.int64())
    inside = pc.and_(pc.greater_equal(seen, low), pc.less(seen, low + HOUR_US))
    return table if pc.all(inside).as_py() else table.filter(inside)


def _frames(entries: Entries) -> pa.Table:
    parts = [(start, entries.part(start, start + SCAN_ROWS)) for start in range(0, len(entries), SCAN_ROWS)]
    return pa.Table.from_batches(
        pa.record_batch(
            {
                "n": pa.array(range(start, start + len(part)), pa.int64()),
                "arrival_us": pa.array([arrival_ms(id_) * 1000 for id_ in part.ids], pa.int64()),
                "frame": pa.array(part.frames, pa.binary()).cast(pa.string()),
            }
        )
        for start, part in parts
    )


def _sql(name: str) -> str:
    return read_sql(SQL / f"{name}.sql")


def _select(dataset: Dataset) -> str:
    """The SELECT that makes the dataset's rows; likes and reposts share one, follows and blocks another."""
    sql = _sql(dataset.select)
    return sql.replace("{dataset}", dataset.name).replace("{collection}", dataset.collection or "")


def _same_key(dataset: Dataset) -> str:
    pairs = ((part.format(row="new"), part.format(row="old")) for part in dataset.key)
    return " AND ".join(f"{new} IS NOT DISTINCT FROM {old}" for new, old in pairs)
